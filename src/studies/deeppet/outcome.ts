import type { Rng } from "../../core/rng.js";
import { bootstrapMean, type MeanInterval } from "../../metrics/interval.js";
import type { ImageScores } from "../../tasks/reconstruction/validate.js";
import type { ClassicResult } from "./classic.js";
import type { JudgeResult, NetworkJudged, TimeResult } from "./judge.node.js";
import type { Extent, LevelName, Method } from "./plan.js";

/** All that the parts of the study found. */
export interface Evidence {
  readonly extent: Extent;
  readonly classic: Readonly<Record<LevelName, ClassicResult>>;
  readonly network: JudgeResult;
  readonly time: TimeResult;
  readonly random: Rng;
}

/** What was judged: held-out phantoms, or slices of real images. */
export type SliceSet = "test" | "unseen";

export function judgedOf({ network }: Evidence, set: SliceSet): NetworkJudged {
  return network[set];
}

/** Scores of every slice. */
export function scoresOf(
  { classic, network }: Evidence,
  set: SliceSet,
  level: LevelName,
  method: Method,
): readonly ImageScores[] {
  if (method === "deeppet") return network[set].levels[level].scores.deeppet;
  return classic[level][set].scores[method];
}

/** Images of the slices that are shown. */
export function imagesOf(
  { classic, network }: Evidence,
  set: SliceSet,
  level: LevelName,
  method: Method,
): readonly Float32Array[] {
  if (method === "deeppet") return network[set].levels[level].images.deeppet;
  return classic[level][set].images[method];
}

/** The mean of a measure over slices with its interval over phantoms; of one kind of phantom, or of all. */
export function meanOf(
  evidence: Evidence,
  set: SliceSet,
  level: LevelName,
  method: Method,
  measure: keyof ImageScores,
  kind?: string,
): MeanInterval {
  const { phantoms, kinds } = judgedOf(evidence, set);
  const own = phantoms.flatMap((_, n) => (kind === undefined || kinds[n] === kind ? [n] : []));
  const scores = scoresOf(evidence, set, level, method);
  return bootstrapMean(
    own.map((n) => scores[n]![measure]),
    own.map((n) => phantoms[n]!),
    evidence.random.split(set, level, method, measure, kind ?? "all"),
  );
}

/** One value for each phantom: what comparing DeepPET with another method gives, averaged over its slices. */
export function pairedByPhantom(
  evidence: Evidence,
  set: SliceSet,
  level: LevelName,
  other: Method,
  compare: (deeppet: ImageScores, other: ImageScores) => number,
): number[] {
  const { phantoms } = judgedOf(evidence, set);
  const [ours, theirs] = [scoresOf(evidence, set, level, "deeppet"), scoresOf(evidence, set, level, other)];
  const values = new Map<string, number[]>();
  phantoms.forEach((phantom, n) => {
    values.set(phantom, [...(values.get(phantom) ?? []), compare(ours[n]!, theirs[n]!)]);
  });
  return [...values.values()].map((own) => own.reduce((a, b) => a + b, 0) / own.length);
}
