import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import { suggestionFor } from "../../core/suggest.js";
import { type CohortOptions, type CohortPreset, cohortPresets } from "../../sim/cohort.js";
import { writeCohort } from "../../sim/node.js";
import type { Size3 } from "../../volume/volume.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { interruptible, stopIfAsked } from "../interrupt.js";
import { counted } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";

interface Options {
  readonly out: string;
  readonly preset: string;
  readonly subjects?: number;
  readonly seed?: number;
  readonly spacing?: number;
  readonly noise?: number;
  readonly bias?: number;
  readonly ages?: readonly [number, number];
}

/** What can be simulated. */
const cohorts = ["brain"] as const;

export function simulateCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "simulate <cohort>",
      purpose: "Make a BIDS data set of simulated heads with their true label maps",
      about:
        "The only cohort so far is brain: healthy heads, T1-weighted, every one with folds, ventricles, nuclei and hippocampi of its own. The same options give the same bytes.",
      examples: [
        {
          line: "gyrus simulate brain --out cohort",
          about: "18 heads with 3 mm voxels, enough for a first training.",
        },
        {
          line: "gyrus simulate brain --out fine --preset full --subjects 2 --seed 7",
          about: "Two heads at 1 mm, as large as clinical scans; other heads than those of seed 1.",
        },
      ],
    },
    (command) => {
      const { tiny, small, full } = cohortPresets;
      const show = ({ subjects, spacingMm }: CohortOptions): string => `${subjects} heads of ${spacingMm} mm`;
      command
        .requiredOption("--out <folder>", "where the data set goes: a new or an empty folder")
        .option(
          "--preset <name>",
          `tiny (${show(tiny)}), small (${show(small)}) or full (${show(full)})`,
          "small",
        )
        .option("--subjects <n>", "number of heads; default: the preset's", whole("--subjects", 1, 9999))
        .option(
          "--seed <n>",
          "which heads are drawn; default: 1",
          whole("--seed", 0, Number.MAX_SAFE_INTEGER),
        )
        .option(
          "--spacing <mm>",
          "size of a voxel in mm, the field of view kept; default: the preset's",
          numberWithin("--spacing", { low: 0.3, high: 10 }),
        )
        .option(
          "--noise <percent>",
          "noise in % of the signal of white matter; default: the preset's",
          percent("--noise"),
        )
        .option("--bias <percent>", "unevenness of the signal in %; default: the preset's", percent("--bias"))
        .option("--ages <from-to>", "range of ages in years; default: 20-80", ageRange);
    },
    async (shell, options, [cohort = ""]) => {
      if (!cohorts.some((known) => known === cohort))
        fail("not-found", {
          what: "there is no such cohort",
          where: cohort,
          expected: cohorts.join(", "),
          fix: suggestionFor(cohort, cohorts),
        });
      const progress = progressOn(shell);
      const show = countingProgress(progress, "head");
      const made = await interruptible(
        shell,
        "Stopping after this head; nothing will be written.",
        (signal) =>
          writeCohort(options.out, {
            ...cohortOptions(options),
            onProgress: (done, total) => {
              stopIfAsked(signal);
              show(done, total);
            },
          }),
      ).finally(progress.stop);
      return {
        result: made,
        text: `${counted(made.subjects.length, "simulated head")} in ${made.folder}\nTrue label maps in ${made.truth}`,
      };
    },
  );
}

function cohortOptions(options: Options): CohortOptions {
  const names = Object.keys(cohortPresets);
  if (!Object.hasOwn(cohortPresets, options.preset))
    fail("not-found", {
      what: `there is no preset "${options.preset}"`,
      where: "--preset",
      expected: names.join(", "),
      fix: suggestionFor(options.preset, names),
    });
  const preset: CohortOptions = cohortPresets[options.preset as CohortPreset];
  const spacingMm = options.spacing ?? preset.spacingMm;
  const extent = (voxels: number): number => Math.ceil((voxels * preset.spacingMm) / spacingMm - 1e-9);
  const size: Size3 = [extent(preset.size[0]), extent(preset.size[1]), extent(preset.size[2])];
  return {
    subjects: options.subjects ?? preset.subjects,
    seed: options.seed ?? preset.seed,
    spacingMm,
    size,
    noisePercent: options.noise ?? preset.noisePercent,
    biasPercent: options.bias ?? preset.biasPercent,
    ageYears: options.ages ?? preset.ageYears,
  };
}

function ageRange(text: string): readonly [number, number] {
  const [, low, high] = /^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (low === undefined || high === undefined)
    fail("bad-argument", {
      what: "the range of ages is not understood",
      where: "--ages",
      expected: "two ages in years, such as 20-80",
      found: `"${text}"`,
    });
  return [Number(low), Number(high)];
}

const whole = (option: string, low: number, high: number) => numberWithin(option, { low, high, whole: true });
const percent = (option: string) => numberWithin(option, { low: 0, high: 100 });
