import type { Rng } from "../../core/rng.js";
import { bootstrapMean } from "../../metrics/interval.js";
import type { StudyBlock, StudySection } from "../../report/study.js";
import { type Extent, type Kind, kinds, kindTitles, kindWords } from "./plan.js";
import { chosenVariant, type Evidence, type RealResult, type Shown, valuesOf } from "./score.js";
import type { Check } from "./vectors.js";

interface Checks {
  readonly rules: readonly Check[];
  readonly decathlon: readonly Check[];
}

/** The report below the table of claims. */
export function sectionsOf(evidence: Evidence, checks: Checks, extent: Extent, random: Rng): StudySection[] {
  return [
    ...kinds.map((kind) => kindSection(kind, evidence, extent, random)),
    ...evidence.real.map((result) => realSection(result)),
    {
      id: "plans",
      heading: "Plans beside the rules",
      blocks: [
        checkTable("Data sets of which the plan follows from the rules by hand.", checks.rules),
        checkTable(
          "The Decathlon's tasks, planned from their medians; published plans of v2, most of them from memory.",
          checks.decathlon,
        ),
      ],
    },
    { id: "published", heading: "What was published", blocks: [publishedTable()] },
    {
      id: "limits",
      heading: "What this does not show",
      blocks: [
        {
          kind: "text",
          text: "Networks have a quarter of the planned channels, two folds instead of five, and hundreds of steps instead of 250,000, with the same number for every configuration: what takes longer to learn is at a disadvantage. Batches of 2-D networks are slices, so a step of theirs sees other amounts of data. Simulated heads have less variety than people. That far context decides, and that it cannot be seen in a patch, is built into the third kind of data: it shows that a cascade carries context to full resolution, not how often that is needed.",
        },
      ],
    },
  ];
}

function kindSection(
  kind: Kind,
  { plans, choices, tests }: Evidence,
  { kinds: extents, folds }: Extent,
  random: Rng,
): StudySection {
  const own = extents[kind];
  const plan = plans.find((one) => one.kind === kind)!;
  const { sentence, decisions, candidates } = choices[kind];
  const tested = tests[kind];
  const [first] = tested.cases;
  const variants = Object.keys(first!.scores);
  const byCv = new Map(candidates.map((one) => [one.ensemble.join(" + "), one.meanForegroundDice]));
  const mean = (variant: string, measure: "dice" | "nsd"): string => {
    const values = valuesOf(tested, variant, measure);
    const ids = tested.cases.map(({ id }) => id);
    const found = bootstrapMean(values, ids, random.split(kind, variant, measure));
    return `${found.mean.toFixed(3)} [${(found.low ?? found.mean).toFixed(3)}, ${(found.high ?? found.mean).toFixed(3)}]`;
  };
  const labelMean = (variant: string, label: string): string => {
    const values = tested.cases.flatMap(({ scores }) => scores[variant]!.labels[label] ?? []);
    return values.length === 0 ? "–" : (values.reduce((a, b) => a + b, 0) / values.length).toFixed(3);
  };
  const { labels, what } = kindWords[kind];
  return {
    id: kind,
    heading: kindTitles[kind],
    blocks: [
      {
        kind: "text",
        text: `${what} ${own.cases} cases in ${folds} folds, ${own.test} for the test; ${own.size.join("x")} voxels of ${own.spacingMm.join("x")} mm, planned for ${own.memoryGb} GB, ${own.steps} steps a fold.`,
      },
      { kind: "text", text: sentence },
      {
        kind: "table",
        caption:
          "Mean Dice in cross-validation, before post-processing, and Dice and NSD (1 mm) on the test, with 95 % intervals over its cases; the last columns are the labels' Dice on the test.",
        columns: [
          { heading: "Networks" },
          { heading: "Dice, cross-validation", numeric: true },
          { heading: "Dice, test", numeric: true },
          { heading: "NSD, test", numeric: true },
          ...labels.map((heading) => ({ heading, numeric: true })),
        ],
        rows: variants.map((variant) => [
          variant === chosenVariant ? "what was chosen, with post-processing" : variant,
          variant === chosenVariant
            ? choices[kind].crossValidation.meanForegroundDice.toFixed(3)
            : (byCv.get(variant)?.toFixed(3) ?? "–"),
          mean(variant, "dice"),
          mean(variant, "nsd"),
          ...labels.map((label) => labelMean(variant, label)),
        ]),
      },
      {
        kind: "table",
        caption: "Post-processing: keeping the largest piece, by the Dice in cross-validation.",
        columns: [
          { heading: "Of" },
          { heading: "Kept" },
          { heading: "Why" },
          { heading: "Before", numeric: true },
          { heading: "After", numeric: true },
        ],
        rows: decisions.map(({ name, kept, reason, before, after }) => [
          name,
          kept ? "yes" : "no",
          reason,
          before.toFixed(4),
          after.toFixed(4),
        ]),
      },
      checkTable("The plan beside what the rules ask for.", plan.checks, { of: false }),
      becauseTable(plan.because),
      ...pictures(tested.pictures),
    ],
  };
}

function checkTable(caption: string, checks: readonly Check[], { of: named = true } = {}): StudyBlock {
  return {
    kind: "table",
    caption,
    columns: [
      ...(named ? [{ heading: "Of" }] : []),
      { heading: "What" },
      { heading: "Expected", numeric: true },
      { heading: "Here", numeric: true },
      { heading: "Agrees", numeric: true },
    ],
    rows: checks.map(({ of, what, expected, found, agrees }) => [
      ...(named ? [of] : []),
      what,
      expected,
      found,
      agrees ? "yes" : "no",
    ]),
  };
}

function becauseTable(because: Evidence["plans"][number]["because"]): StudyBlock {
  return {
    kind: "table",
    caption: "The plan in words.",
    columns: [{ heading: "Choice" }, { heading: "Because" }],
    rows: because.map((one) => [one.choice, one.because]),
  };
}

function pictures(shown: readonly Shown[]): StudyBlock[] {
  return shown.map(({ caption, png, width, height }) => ({
    kind: "picture",
    png: Uint8Array.from(atob(png), (one) => one.charCodeAt(0)),
    width,
    height,
    alternative: caption,
    caption: `${caption} Below, the prediction filled and the truth outlined.`,
  }));
}

const realWords: Readonly<Record<string, string>> = {
  "spinal-cord":
    "One person's T1 and T2 scan of the neck, both cut at one height into a lower and an upper part; each part is held out once, in both scans. The networks have seen the other part of the same neck: this is no test on another person.",
  "brats-2013":
    "FLAIR and contrast-enhanced T1 of four patients with glioma at 2 mm, three overlapping regions; every patient is held out once and judged by a network that has seen three.",
};

function realSection({ set, steps, labels, cases, pictures: shown, because }: RealResult): StudySection {
  const cell = (value: number | null | undefined, digits: number): string => value?.toFixed(digits) ?? "–";
  return {
    id: set,
    heading: `Real scans: ${set}`,
    blocks: [
      { kind: "text", text: `${realWords[set]} ${steps} steps in all.` },
      {
        kind: "table",
        caption: "Each case by the network that has not seen it. HD95 in mm.",
        columns: [
          { heading: "Case" },
          ...labels.flatMap((group) =>
            ["Dice", "NSD", "HD95"].map((heading) => ({ heading, numeric: true, group })),
          ),
        ],
        rows: cases.map(({ case: id, scores }) => [
          id,
          ...labels.flatMap((label) => [
            cell(scores[label]?.dice, 3),
            cell(scores[label]?.nsd, 3),
            cell(scores[label]?.hd95Mm, 1),
          ]),
        ]),
      },
      becauseTable(because),
      ...pictures(shown),
    ],
  };
}

/** nnU-Net of 2018 on the Decathlon's first seven tasks, from memory of arXiv 1809.10486: Dice in hundredths by label. */
const published = [
  ["brain tumours", "78.6 / 58.7 / 77.4", "80.7 / 62.2 / 79.1", "67.7 / 47.7 / 68.2"],
  ["heart", "91.4", "92.5", "92.8"],
  ["liver", "94.4 / 53.9", "94.1 / 61.7", "95.2 / 73.7"],
  ["hippocampus", "88.5 / 86.7", "89.9 / 88.2", "90.4 / 89.0"],
  ["prostate", "62.0 / 84.3", "60.8 / 83.7", "75.8 / 89.6"],
  ["lung", "52.7", "55.9", "69.2"],
  ["pancreas", "74.7 / 35.4", "77.7 / 42.7", "79.5 / 52.3"],
] as const;

function publishedTable(): StudyBlock {
  return {
    kind: "table",
    caption:
      "Dice of nnU-Net in 2018 on the Decathlon, in hundredths, label by label (from memory). 2-D and 3-D by cross-validation.",
    columns: [
      { heading: "Task" },
      { heading: "2-D", numeric: true },
      { heading: "3-D", numeric: true },
      { heading: "Test", numeric: true },
    ],
    rows: published.map((row) => [...row]),
  };
}
