import type { Rng } from "../../core/rng.js";
import { bootstrapMean } from "../../metrics/interval.js";
import { type Judged as Claimed, judge } from "../judge.js";
import type { Conclusion } from "../study.js";
import {
  levels,
  levelsOf,
  type Method,
  methods,
  realMethods,
  titles,
  trainedLevel,
  trainingScans,
} from "./plan.js";
import type { Evidence, Judged } from "./score.js";
import { sectionsOf } from "./sections.js";

/** Judge the claims and write the report's sections. */
export function conclude(judged: readonly Judged[], random: Rng): Conclusion {
  const found = (method: Method, level: number, set: Judged["set"]): Judged[] =>
    judged
      .filter((one) => one.set === set && one.method === method && one.level === level)
      .sort((a, b) => (a.head < b.head ? -1 : 1));
  const evidence: Evidence = {
    judged,
    values: (method, level, place, measure, set = "simulated") =>
      found(method, level, set).map(({ scores }) => scores[place][measure]),
    mean: (method, level, place, measure, set = "simulated") => {
      const ones = found(method, level, set);
      if (ones.length === 0) return undefined;
      const values = ones.map(({ scores }) => scores[place][measure]);
      const heads = ones.map(({ head }) => head);
      return bootstrapMean(values, heads, random.split(method, level, place, measure));
    },
  };
  const heads = evidence.values("noisy", trainedLevel, "brain", "psnrDb").length;
  return {
    claims: [...claimsOf(evidence), ...realClaims(evidence)].map((claim) => judge(claim, random)),
    notes: [
      `PSNR and SSIM have the clean head's brightest voxel as their peak; claims are about the brain at ${trainedLevel} % noise unless they say otherwise.`,
      `Intervals are over ${heads} held-out heads.`,
      ...harmful(evidence),
      ...realNotes(evidence),
      "The paper's table of PSNR and SSIM could not be retrieved: what stands under Paper is the order that it claims.",
    ],
    sections: sectionsOf(evidence),
  };
}

/** Says what the real scans were, or that there were none. */
function realNotes({ values, mean, judged }: Evidence): string[] {
  const heads = values("noisy", trainedLevel, "brain", "psnrDb", "real").length;
  const repeats = judged.filter(({ set, method }) => set === "repeat" && method === "noisy");
  if (heads + repeats.length === 0)
    return [
      "No real scans were looked at: the study was run without the folder that holds them (--data), or at a size too small for them.",
    ];
  const notes = [
    "One real head stands for itself: intervals of its claims are over levels of noise, those of the repeated scans over repetitions. What is taken for clean has noise of its own. The settings of NLM and BM4D were once chosen with this very head, among others, in view; those of the networks on simulated heads alone.",
  ];
  if (!judged.some(({ method }) => method === "real"))
    notes.push(
      `${titles.real} is missing: there was no real scan to learn from (any of ${trainingScans.join(", ")}).`,
    );
  if (repeats.length === 0) return notes;
  const psnr = (method: Method): number =>
    mean(method, 0, "brain", "psnrDb", "repeat")?.mean ?? Number.NEGATIVE_INFINITY;
  const percent = repeats.reduce((sum, { noisePercent }) => sum + noisePercent, 0) / repeats.length;
  const helpful = realMethods.filter((method) => psnr(method) > psnr("noisy") + 0.01);
  const found =
    helpful.length === 0
      ? "no method brings one nearer to the mean of the others than it was"
      : `nearer to the mean of the others than they were are they by: ${helpful.map((method) => titles[method]).join(", ")}`;
  return [
    ...notes,
    `The noise of the repetitions is ${percent.toPrecision(2)} % of the brightest voxel, where the networks have learnt 2 % and more, and much of what differs between repetitions is motion and blood, which is no noise to take out: ${found}.`,
  ];
}

/** Says of every level which methods leave a head worse than they found it. */
function harmful({ mean }: Evidence): string[] {
  return levels.flatMap((level) => {
    const psnr = (method: Method): number => mean(method, level, "brain", "psnrDb")!.mean;
    const worse = methods.filter(
      (method) => levelsOf(method).includes(level) && psnr(method) < psnr("noisy"),
    );
    const names = worse.map((method) => titles[method]).join(", ");
    return worse.length === 0
      ? []
      : [`At ${level} % noise the brain is worse off than before with: ${names}.`];
  });
}

const less = (a: readonly number[], b: readonly number[]): number[] => a.map((value, n) => value - b[n]!);

const decibels = (id: string, statement: string, found: readonly number[], above: number): Claimed => ({
  id,
  statement: `${statement} (dB of PSNR)`,
  paper: "so claimed, without a number",
  values: found,
  unit: "decibels",
  holds: { above },
});

/** The networks of all levels beside NLM and BM4D where nothing is simulated; nothing where there are no real scans. */
function realClaims({ values }: Evidence): Claimed[] {
  const head = (method: Method): number[] =>
    levels.flatMap((level) => values(method, level, "brain", "psnrDb", "real"));
  const repeats = (method: Method): number[] => values(method, 0, "brain", "psnrDb", "repeat");
  const claims = (["cnn3d-mixed", "mixed", "real"] as const).flatMap((network) =>
    (["nlm", "bm4d"] as const).flatMap((rival): Claimed[] => [
      decibels(
        `head-${network}-over-${rival}`,
        `On a real head with noise added: ${titles[network]} is better than ${titles[rival]}`,
        less(head(network), head(rival)),
        0,
      ),
      decibels(
        `repeats-${network}-over-${rival}`,
        `On repeated real scans with their own noise: ${titles[network]} is better than ${titles[rival]}`,
        less(repeats(network), repeats(rival)),
        0,
      ),
    ]),
  );
  return claims.filter(({ values: found }) => found.length > 0);
}

function claimsOf({ values }: Evidence): Claimed[] {
  const psnr = (method: Method, level: number = trainedLevel): number[] =>
    values(method, level, "brain", "psnrDb");
  const better = (a: Method, b: Method): Claimed =>
    decibels(`${a}-over-${b}`, `${titles[a]} is better than ${titles[b]}`, less(psnr(a), psnr(b)), 0);
  const points = (id: string, statement: string, found: readonly number[]): Claimed => ({
    id,
    statement: `${statement} (points)`,
    paper: "better structure, by eye",
    values: found,
    unit: "points",
    holds: { above: 0 },
  });
  const off = (method: Method): number[] =>
    values(method, trainedLevel, "brain", "edgeRatio").map((ratio) => Math.abs(ratio - 1));
  const ssim = (method: Method): number[] => values(method, trainedLevel, "brain", "ssim");
  return [
    better("gaussian", "noisy"),
    better("nlm", "gaussian"),
    better("bm4d", "nlm"),
    better("cnn3d", "bm4d"),
    better("red-wgan", "bm4d"),
    decibels(
      "red-wgan-near-cnn3d",
      "RED-WGAN is at most 0.5 dB behind CNN3D",
      less(psnr("red-wgan"), psnr("cnn3d")),
      -0.5,
    ),
    points("red-wgan-ssim", "RED-WGAN has a higher SSIM than CNN3D", less(ssim("red-wgan"), ssim("cnn3d"))),
    points(
      "red-wgan-edges",
      "RED-WGAN's edge energy is nearer to the clean head's than CNN3D's",
      less(off("cnn3d"), off("red-wgan")),
    ),
    points(
      "perceptual-edges",
      "The perceptual term alone brings the edge energy nearer to the clean head's",
      less(off("cnn3d"), off("perceptual")),
    ),
    points(
      "critic-edges",
      "The critic alone brings the edge energy nearer to the clean head's",
      less(off("cnn3d"), off("critic")),
    ),
    decibels(
      "mixed-near-single",
      "The network of all levels is at most 0.5 dB behind that of one level",
      less(psnr("mixed"), psnr("red-wgan")),
      -0.5,
    ),
    decibels(
      "single-oversmooths",
      "At 3 % the network of all levels is better than the one that has learnt 9 %",
      less(psnr("mixed", 3), psnr("red-wgan", 3)),
      0,
    ),
    ...levels.map((level) =>
      decibels(
        `mixed-over-bm4d-${level}`,
        `At ${level} % the network of all levels is better than BM4D`,
        less(psnr("mixed", level), psnr("bm4d", level)),
        0,
      ),
    ),
  ];
}
