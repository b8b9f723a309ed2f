import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import { suggestionFor } from "../../core/suggest.js";
import { type CohortOptions, type CohortPreset, cohortPresets } from "../../sim/cohort.js";
import { writeCohort } from "../../sim/node.js";
import { petGeometries } from "../../sim/pet/geometry.js";
import { phantomKinds } from "../../sim/pet/phantoms.js";
import type { Size3 } from "../../volume/volume.js";
import { defineCommand, type Finish, numberWithin, optionName } from "../command.js";
import { interruptible, stopIfAsked } from "../interrupt.js";
import { counted } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";
import type { Answer, Shell } from "../shell.js";
import { type AlzheimerOptions, simulateAlzheimer, studyGroups, visitMonths } from "./simulate-alzheimer.js";
import { type PetOptions, simulatePet } from "./simulate-pet.js";

interface Options extends PetOptions, AlzheimerOptions {
  readonly preset?: string;
  readonly spacing?: number;
  readonly noise?: number;
  readonly bias?: number;
  readonly ages?: readonly [number, number];
}

/** What can be simulated. */
const cohorts = ["brain", "alzheimer", "pet"] as const;

/** Options that not all of them understand. */
const ownOptions = {
  brain: ["preset", "spacing", "noise", "bias", "ages"],
  alzheimer: ["groups", "visits", "grid", "spacing", "sites", "external", "brainOnly", "turned"],
  pet: ["counts", "slices", "geometry", "phantom", "diffuse"],
} as const satisfies Record<(typeof cohorts)[number], readonly (keyof Options)[]>;

export function simulateCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "simulate <cohort>",
      purpose:
        "Make simulated data: heads with their true label maps (brain), a longitudinal study (alzheimer), PET scans (pet)",
      about:
        "brain: a BIDS data set of healthy heads, T1-weighted, every one with folds, ventricles, nuclei and hippocampi of its own. alzheimer: controls, stable and progressive mild cognitive impairment and Alzheimer's disease over years, with ages, sexes, scanners and true volumes. pet: sinograms of heads and bodies with attenuation, scatter and randoms, and the activity that was there. The same options give the same bytes.",
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
          line: "gyrus simulate alzheimer --out study --subjects 200",
          about:
            "50 each of CN, sMCI, pMCI and AD at 0, 12 and 36 months, whole heads of 48³ voxels of 4 mm.",
        },
        {
          line: "gyrus simulate alzheimer --out other --groups AD=40,CN=40 --visits 0 --external",
          about:
            "One visit each of an older cohort with milder patients from other scanners: an external test.",
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
          "number of heads, people or phantoms; default: the preset's, 40 for alzheimer, 4 for pet",
          whole("--subjects", 1, 9999),
        )
        .option(
          "--seed <n>",
          "which heads are drawn; default: 1",
          whole("--seed", 0, Number.MAX_SAFE_INTEGER),
        )
        .option(
          "--spacing <mm>",
          "brain: size of a voxel in mm, the field of view kept; default: the preset's. alzheimer: default: 192 mm by --grid",
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
          "--groups <list>",
          "alzheimer: subjects by diagnosis or outcome, such as AD=50,LMCI=43,EMCI=77,CN=61 (or sMCI, pMCI)",
          studyGroups,
        )
        .option("--visits <months>", "alzheimer: months of the visits; default: 0,12,36", visitMonths)
        .option("--grid <n>", "alzheimer: voxels along each edge; default: 48", whole("--grid", 8, 256))
        .option("--sites <n>", "alzheimer: number of scanners; default: 4", whole("--sites", 1, 99))
        .option("--external", "alzheimer: older people, milder disease, other scanners")
        .option("--brain-only", "alzheimer: no signal from outside the brain, as after skull-stripping")
        .option("--turned", "alzheimer: heads turned and shifted; default: along the axes")
        .option(
          "--counts <n>",
          "pet: expected prompts of every slice; default: 500000",
          numberWithin("--counts", { low: 1, high: 1e12 }),
        )
        .option("--slices <n>", "pet: slices of every phantom; default: 2", whole("--slices", 1, 9999))
        .option("--geometry <name>", `pet: ${Object.keys(petGeometries).join(", ")}; default: small`)
        .option("--phantom <kind>", `pet: ${phantomKinds.join(" or ")}; default: both in turns`)
        .option(
          "--diffuse <percent>",
          "pet: slices whose uptake does not keep to structures, blurred as means over groups are, for networks that see such images; default: 0",
          percent("--diffuse"),
        );
    },
    async (shell, options, [cohort = ""]) => {
      const known = cohorts.find((name) => name === cohort);
      if (known === undefined)
        return fail("not-found", {
          what: "there is no such cohort",
          where: cohort,
          expected: cohorts.join(", "),
          fix: suggestionFor(cohort, cohorts),
        });
      refuseStrays(known, options);
      if (known === "alzheimer") return simulateStudy(shell, options);
      return known === "brain" ? simulateHeads(shell, options) : simulateScans(shell, options);
    },
  );
}

/** Throws `bad-argument` for an option that belongs to another cohort. */
function refuseStrays(cohort: (typeof cohorts)[number], options: Options): void {
  const own: readonly string[] = ownOptions[cohort];
  for (const other of cohorts) {
    const stray = ownOptions[other].find((name) => options[name] !== undefined && !own.includes(name));
    if (stray === undefined) continue;
    const option = optionName(stray);
    fail("bad-argument", {
      what: `${option} belongs to ${other}`,
      where: option,
      fix: `Leave it out, or simulate ${other}`,
    });
  }
}

async function simulateStudy(shell: Shell, options: Options): Promise<Answer> {
  const made = await watched(shell, "person", (onProgress) => simulateAlzheimer(options, onProgress));
  return {
    result: made,
    text: `${counted(made.subjects.length, "simulated subject")} with ${counted(made.visits, "visit")} in ${made.folder}\nTrue label maps and volumes in ${made.truth}`,
  };
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
