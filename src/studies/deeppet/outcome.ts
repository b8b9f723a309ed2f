import type { Rng } from "../../core/rng.js";
import { bootstrapMean, type MeanInterval } from "../../metrics/interval.js";
import type { ImageScores } from "../../tasks/reconstruction/validate.js";
import type { ClassicResult } from "./classic.js";
import type { JudgeResult, NetworkJudged, TimeResult } from "./judge.node.js";
import { type Extent, type LevelName, type Method, type NetworkMethod, networkMethods } from "./plan.js";

/** All that the parts of the study found. */
export interface Evidence {
  readonly extent: Extent;
  readonly classic: Readonly<Record<LevelName, ClassicResult>>;
  readonly networks: Readonly<Record<NetworkMethod, JudgeResult>>;
  readonly time: TimeResult;
  readonly random: Rng;
}

/** What was judged: held-out phantoms, or slices of real images. */
export type SliceSet = "test" | "unseen";

/** The slices themselves: the same for both networks. */
export function judgedOf({ networks }: Evidence, set: SliceSet): NetworkJudged {
  return networks.deeppet[set];
}

/** Scores of every slice. */
export function scoresOf(
  { classic, networks }: Evidence,
  set: SliceSet,
  level: LevelName,
  method: Method,
): readonly ImageScores[] {
  if (isNetwork(method)) return networks[method][set].levels[level].scores.network;
  return classic[level][set].scores[method];
}

/** Images of the slices that are shown. */
export function imagesOf(
  { classic, networks }: Evidence,
  set: SliceSet,
  level: LevelName,
  method: Method,
): readonly Float32Array[] {
  if (isNetwork(method)) return networks[method][set].levels[level].images.network;
  return classic[level][set].images[method];
}

function isNetwork(method: Method): method is NetworkMethod {
  return networkMethods.some((one) => one === method);
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

/** One value for each phantom: what comparing a network with another method gives, averaged over its slices. */
export function pairedByPhantom(
  evidence: Evidence,
  set: SliceSet,
  level: LevelName,
  network: NetworkMethod,
  other: Method,
  compare: (network: ImageScores, other: ImageScores) => number,
): number[] {
  const { phantoms } = judgedOf(evidence, set);
  const [ours, theirs] = [scoresOf(evidence, set, level, network), scoresOf(evidence, set, level, other)];
  const values = new Map<string, number[]>();
  phantoms.forEach((phantom, n) => {
    values.set(phantom, [...(values.get(phantom) ?? []), compare(ours[n]!, theirs[n]!)]);
  });
  return [...values.values()].map((own) => own.reduce((a, b) => a + b, 0) / own.length);
}
