import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import { suggestionFor } from "../../core/suggest.js";
import { type CohortOptions, type CohortPreset, cohortPresets } from "../../sim/cohort.js";
import { writeCohort } from "../../sim/node.js";
import { petGeometries } from "../../sim/pet/geometry.js";
import { phantomKinds } from "../../sim/pet/phantoms.js";
import type { Size3 } from "../../volume/volume.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { interruptible, stopIfAsked } from "../interrupt.js";
import { counted } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";
import type { Answer, Shell } from "../shell.js";
import { type PetOptions, simulatePet } from "./simulate-pet.js";

interface Options extends PetOptions {
  readonly preset?: string;
  readonly spacing?: number;
  readonly noise?: number;
  readonly bias?: number;
  readonly ages?: readonly [number, number];
}

/** What can be simulated. */
const cohorts = ["brain", "pet"] as const;

/** Options that one of them alone understands. */
const ownOptions = {
  brain: ["preset", "spacing", "noise", "bias", "ages"],
  pet: ["counts", "slices", "geometry", "phantom"],
} as const satisfies Record<(typeof cohorts)[number], readonly (keyof Options)[]>;

export function simulateCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "simulate <cohort>",
      purpose: "Make simulated data: heads with their true label maps (brain), PET scans (pet)",
      about:
        "brain: a BIDS data set of healthy heads, T1-weighted, every one with folds, ventricles, nuclei and hippocampi of its own. pet: sinograms of heads and bodies with attenuation, scatter and randoms, and the activity that was there. The same options give the same bytes.",
      examples: [
        {
          line: "gyrus simulate brain --out cohort",
          about: "18 heads with 3 mm voxels, enough for a first training.",
        },
        {
          line: "gyrus simulate brain --out fine --preset full --subjects 2 --seed 7",
          about: "Two heads at 1 mm, as large as clinical scans; other heads than those of seed 1.",
        },
        {
          line: "gyrus simulate pet --out scans --phantom brain --counts 200000",
          about: "Eight slices of four heads, each as Interfile with its corrections; see gyrus reconstruct.",
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
          `brain: tiny (${show(tiny)}), small (${show(small)}) or full (${show(full)}); default: small`,
        )
        .option(
          "--subjects <n>",
          "number of heads or phantoms; default: the preset's, 4 for pet",
          whole("--subjects", 1, 9999),
        )
        .option(
          "--seed <n>",
          "which heads are drawn; default: 1",
          whole("--seed", 0, Number.MAX_SAFE_INTEGER),
        )
        .option(
          "--spacing <mm>",
          "brain: size of a voxel in mm, the field of view kept; default: the preset's",
          numberWithin("--spacing", { low: 0.3, high: 10 }),
        )
        .option(
          "--noise <percent>",
          "brain: noise in % of the signal of white matter; default: the preset's",
          percent("--noise"),
        )
        .option(
          "--bias <percent>",
          "brain: unevenness of the signal in %; default: the preset's",
          percent("--bias"),
        )
        .option("--ages <from-to>", "brain: range of ages in years; default: 20-80", ageRange)
        .option(
          "--counts <n>",
          "pet: expected prompts of every slice; default: 500000",
          numberWithin("--counts", { low: 1, high: 1e12 }),
        )
        .option("--slices <n>", "pet: slices of every phantom; default: 2", whole("--slices", 1, 9999))
        .option("--geometry <name>", `pet: ${Object.keys(petGeometries).join(", ")}; default: small`)
        .option("--phantom <kind>", `pet: ${phantomKinds.join(" or ")}; default: both in turns`);
    },
    async (shell, options, [cohort = ""]) => {
      if (cohort !== "brain" && cohort !== "pet")
        fail("not-found", {
          what: "there is no such cohort",
          where: cohort,
          expected: cohorts.join(", "),
          fix: suggestionFor(cohort, cohorts),
        });
      const other = cohort === "brain" ? "pet" : "brain";
      const stray = ownOptions[other].find((name) => options[name] !== undefined);
      if (stray !== undefined)
        fail("bad-argument", {
          what: `--${stray} belongs to ${other}`,
          where: `--${stray}`,
          fix: `Leave it out, or simulate ${other}`,
        });
      return cohort === "brain" ? simulateHeads(shell, options) : simulateScans(shell, options);
    },
  );
}

async function simulateHeads(shell: Shell, options: Options): Promise<Answer> {
  const made = await watched(shell, "head", (onProgress) =>
    writeCohort(options.out, { ...cohortOptions(options), onProgress }),
  );
  return {
    result: made,
    text: `${counted(made.subjects.length, "simulated head")} in ${made.folder}\nTrue label maps in ${made.truth}`,
  };
}

async function simulateScans(shell: Shell, options: Options): Promise<Answer> {
  const made = await watched(shell, "phantom", (onProgress) => simulatePet(options, onProgress));
  return {
    result: made,
    text: `${counted(made.scans.length, "simulated PET slice")} in ${made.folder}, listed in scans.tsv`,
  };
}

/** Work with its progress shown, that a first Ctrl-C ends in good order. */
function watched<T>(
  shell: Shell,
  thing: string,
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  const progress = progressOn(shell);
  const show = countingProgress(progress, thing);
  return interruptible(shell, `Stopping after this ${thing}; nothing will be written.`, (signal) =>
    work((done, total) => {
      stopIfAsked(signal);
      show(done, total);
    }),
  ).finally(progress.stop);
}

function cohortOptions(options: Options): CohortOptions {
  const names = Object.keys(cohortPresets);
  const name = options.preset ?? "small";
  if (!Object.hasOwn(cohortPresets, name))
    fail("not-found", {
      what: `there is no preset "${name}"`,
      where: "--preset",
      expected: names.join(", "),
      fix: suggestionFor(name, names),
    });
  const preset: CohortOptions = cohortPresets[name as CohortPreset];
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
