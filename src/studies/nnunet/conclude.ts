import type { Rng } from "../../core/rng.js";
import { type Judged, judge } from "../judge.js";
import type { Conclusion } from "../study.js";
import { type Extent, type Kind, kinds } from "./plan.js";
import { type Choice, chosenVariant, type Evidence, leaders, valuesOf, variantOf } from "./score.js";
import { sectionsOf } from "./sections.js";
import { type Check, decathlonChecks, ruleChecks } from "./vectors.js";

/** Judge the claims and write the report's sections. */
export function conclude(evidence: Evidence, extent: Extent, random: Rng): Conclusion {
  const rules = ruleChecks();
  const decathlon = decathlonChecks();
  const claims = [
    ...planClaims(evidence, rules, decathlon),
    ...testClaims(evidence),
    ...choiceClaims(evidence),
  ];
  return {
    claims: claims.map((claim) => judge(claim, random)),
    notes: [
      `Intervals of Dice are over cases of the test, ${extent.kinds.isotropic.test} of each kind, which no network was trained on and nothing was chosen on; those of plans and of post-processing are over what was compared. They say how steady an effect is with these trainings, not how it would be with others.`,
      "Published numbers are of the Decathlon, by cross-validation, in nnU-Net's version of 2018 and from memory: of the hippocampus for isotropic structures, of the prostate for thick slices. Compare directions, not values.",
      evidence.real.length === 0
        ? "Real scans were left out: there is no spinal-cord and no brats-2013 in the folder of real images (--data)."
        : `Of real scans, ${evidence.real.map(({ set }) => set).join(" and ")}, no claim is made: they are few, and the trainings short.`,
    ],
    sections: sectionsOf(evidence, { rules, decathlon }, extent, random.split("tables")),
  };
}

const asShares = (checks: readonly Check[]): number[] => checks.map(({ agrees }) => (agrees ? 1 : 0));

function planClaims({ plans }: Evidence, rules: readonly Check[], decathlon: readonly Check[]): Judged[] {
  const all = { unit: "share", holds: { above: 0.999 }, paper: 1 } as const;
  return [
    {
      id: "plan-rules",
      statement:
        "Plans of three data sets are what follows from the published rules by hand (share of numbers)",
      values: asShares(rules),
      ...all,
    },
    {
      id: "plan-decathlon",
      statement:
        "Plans of the Decathlon's ten tasks from their medians are the published ones, where these are known (share of numbers)",
      values: asShares(decathlon),
      ...all,
    },
    {
      id: "plan-kinds",
      statement: "Plans of the four kinds of simulated data choose what the rules ask for (share of choices)",
      values: asShares(plans.flatMap(({ checks }) => checks)),
      ...all,
    },
  ];
}

const claimed = "so claimed, without a number";

function testClaims({ tests }: Evidence): Judged[] {
  const less = (kind: Kind, a: string, b: string): number[] => {
    const others = valuesOf(tests[kind], b, "dice");
    return valuesOf(tests[kind], a, "dice").map((value, n) => value - others[n]!);
  };
  const points = { unit: "points" } as const;
  return [
    {
      id: "isotropic-3d-over-2d",
      statement: "3-D networks have a higher Dice than 2-D ones on isotropic structures (points)",
      paper: 1.45,
      values: less("isotropic", "3d_fullres", "2d"),
      ...points,
      holds: { above: 0 },
    },
    {
      id: "thick-2d-in-the-running",
      statement: "2-D networks are in the running on thick slices: not 2 points of Dice behind 3-D (points)",
      paper: 0.9,
      values: less("thick", "2d", "3d_fullres"),
      ...points,
      holds: { above: -2 },
    },
    {
      id: "cascade-over-fullres",
      statement:
        "The cascade has a higher Dice than full resolution alone where far context matters (points)",
      paper: claimed,
      values: less("context", "3d_cascade_fullres", "3d_fullres"),
      ...points,
      holds: { above: 0 },
    },
    {
      id: "lesion-found",
      statement:
        "Small lesions that one of two channels shows are found: the chosen networks' Dice is above a half",
      paper: "no number",
      values: valuesOf(tests.lesion, chosenVariant, "dice"),
      unit: "share",
      holds: { above: 0.5 },
    },
  ];
}

function choiceClaims({ choices, tests }: Evidence): Judged[] {
  const gains = (better: (kind: Kind) => string, than: (kind: Kind) => readonly string[]): number[] =>
    kinds.flatMap((kind) => {
      const others = than(kind).map((variant) => valuesOf(tests[kind], variant, "dice"));
      return valuesOf(tests[kind], better(kind), "dice").map(
        (value, n) => value - others.reduce((sum, one) => sum + one[n]!, 0) / others.length,
      );
    });
  const single = (kind: Kind): string => variantOf(leaders(choices[kind]).single);
  const foldsOf = (kind: Kind): string[] => {
    const { single: names } = leaders(choices[kind]);
    const one = tests[kind].cases[0]!.scores;
    return [0, 1, 2, 3, 4].map((fold) => variantOf(names, fold)).filter((variant) => variant in one);
  };
  return [
    {
      id: "folds-together",
      statement:
        "The folds of the best configuration together have a higher Dice than one of them, over all four kinds (points)",
      paper: claimed,
      values: gains(single, foldsOf),
      unit: "points",
      holds: { above: 0 },
    },
    {
      id: "ensemble-not-behind",
      statement:
        "The best pair of configurations is at least as good as the best configuration, both by cross-validation, over all four kinds: not half a point of Dice behind on the test (points)",
      paper: claimed,
      values: gains(
        (kind) => variantOf(leaders(choices[kind]).pair),
        (kind) => [single(kind)],
      ),
      unit: "points",
      holds: { above: -0.5 },
    },
    {
      id: "postprocessing-never-harms",
      statement:
        "Post-processing harms no label in cross-validation, where it is decided: the least change of any label (points)",
      paper: "so by construction",
      values: kinds.map((kind) => leastChange(choices[kind])),
      unit: "points",
      // Nothing is gained where no step is kept; less than this is rounding.
      holds: { above: -1e-6 },
    },
  ];
}

/** What post-processing changes for the label that gains the least by it. */
export function leastChange({
  candidates,
  crossValidation,
}: Pick<Choice, "candidates" | "crossValidation">): number {
  const before = candidates[0]!;
  const changes = Object.entries(crossValidation.labels).map(
    ([label, dice]) => (dice ?? 0) - (before.labels[label] ?? 0),
  );
  return Math.min(crossValidation.meanForegroundDice - before.meanForegroundDice, ...changes);
}
