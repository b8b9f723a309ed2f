import type { ImageKind } from "./describe.js";
import { mirrored } from "./describe.js";
import { type FoundLimit, fewestImages, findLimit, type Limit, mirrorLimitOf } from "./limit.js";
import type { AuditItem, Part } from "./types.js";
import { fitWhitening, likeness } from "./whiten.js";

/** An image that can be compared. */
export interface Comparable {
  readonly part: Part;
  readonly fold?: number;
  readonly subject?: string;
  readonly kind: ImageKind;
  readonly values: Float32Array;
}

/** Two images on different sides of a split that look like one head. */
export interface Match {
  /** Places in the list of comparables; the second is on the training side, in another fold, or in validation where the first is in the test set. */
  readonly held: number;
  readonly training: number;
  readonly likeness: number;
  /** One is like the mirror image of the other. */
  readonly mirrored: boolean;
}

export interface Matching {
  readonly kind: ImageKind;
  readonly images: number;
  /** Absent where there are too few images, or images of one subject alone: they do not say what different heads look like. */
  readonly limit?: FoundLimit;
  /** The same for one image and the mirror image of another. */
  readonly mirrorLimit?: Limit;
  /** Images that are held out from others, of how many there are: beyond a limit some are left out. */
  readonly looked: readonly number[];
  readonly held: number;
  /** Pairs that were compared, mirror images included. */
  readonly comparisons: number;
  /** The best match of every held-out image that has one, the most alike first. */
  readonly best: readonly Match[];
}

const rank: Readonly<Record<Part, number>> = { train: 0, validation: 1, test: 2 };

/** Sides in order: folds of training by their numbers, validation, test. Images of equal rank are on one side. */
export const rankOf = ({ part, fold = 0 }: Pick<AuditItem, "part" | "fold">): number =>
  rank[part] + fold / 1e6;

/** Comparisons at most; beyond it, held-out images are thinned out evenly. */
const defaultComparisons = 2e7;

export interface MatchOptions {
  readonly falseAlarms: number;
  readonly mirror?: boolean;
  readonly mostComparisons?: number;
}

/**
 * Images on different sides that look like one head, in slices and in volumes. See `findLimit` for how alike that is;
 * `falseAlarms` is the probability of one or more wrong matches in the whole collection.
 */
export function matchContent(
  all: readonly Comparable[],
  { falseAlarms, mirror = true, mostComparisons = defaultComparisons }: MatchOptions,
): Matching[] {
  const kinds = (["slice", "volume"] as const).filter((kind) => all.some((one) => one.kind === kind));
  const options = { falseAlarms: falseAlarms / kinds.length, mirror, mostComparisons };
  return kinds.map((kind) => matchKind(all, kind, options));
}

function matchKind(
  all: readonly Comparable[],
  kind: ImageKind,
  { falseAlarms, mirror, mostComparisons }: Required<MatchOptions>,
): Matching {
  const places = all.flatMap((one, n) => (one.kind === kind ? [n] : []));
  const images = places.length;
  const none = { kind, images, looked: [], held: 0, comparisons: 0, best: [] };
  if (images < fewestImages) return none;
  const whiten = fitWhitening(places.map((n) => all[n]!.values));
  const vectors = places.map((n) => whiten(all[n]!.values));
  const turned = mirror ? places.map((n) => whiten(mirrored(all[n]!))) : undefined;
  const byRank = places.map((n) => rankOf(all[n]!));
  const lower = (a: number): number => byRank.reduce((count, one) => count + (one < byRank[a]! ? 1 : 0), 0);
  const held = byRank.flatMap((one, a) => (one > 0 ? [a] : []));
  const crossing = held.reduce((count, a) => count + lower(a), 0) * (mirror ? 2 : 1);
  if (crossing === 0) return none;
  const thin = Math.max(1, Math.ceil(crossing / mostComparisons));
  const looked = held.filter((_, n) => n % thin === 0);
  const comparisons = Math.ceil(crossing / thin);
  const subjects = places.map((n) => all[n]!.subject);
  const share = turned === undefined ? 1 : 2;
  const limit = findLimit(vectors, subjects, comparisons / share, falseAlarms / share);
  if (limit === undefined) return none;
  const mirrorLimit =
    turned && mirrorLimitOf(vectors, turned, subjects, comparisons / share, falseAlarms / share);
  const best: Match[] = [];
  for (const a of looked) {
    let found: Match | undefined;
    for (let b = 0; b < images; b++) {
      if (byRank[b]! >= byRank[a]!) continue;
      const straight = likeness(vectors[a]!, vectors[b]!);
      if (straight > limit.limit && straight > (found?.likeness ?? -1))
        found = { held: places[a]!, training: places[b]!, likeness: straight, mirrored: false };
      if (turned === undefined || mirrorLimit === undefined) continue;
      const other = likeness(turned[a]!, vectors[b]!);
      if (other > mirrorLimit.limit && other > (found?.likeness ?? -1))
        found = { held: places[a]!, training: places[b]!, likeness: other, mirrored: true };
    }
    if (found !== undefined) best.push(found);
  }
  best.sort((a, b) => b.likeness - a.likeness || a.held - b.held);
  return {
    kind,
    images,
    limit,
    ...(mirrorLimit === undefined ? {} : { mirrorLimit }),
    looked: looked.map((a) => places[a]!),
    held: held.length,
    comparisons,
    best,
  };
}
