import { likeness } from "./whiten.js";

/** From which likeness on two images are taken for one head, and how that was found. */
export interface Limit {
  readonly limit: number;
  /** Pairs of images that are taken for different heads, by which it was set. */
  readonly pairs: number;
  /** Likeness of different heads: what 95 and 99 in 100 pairs stay below. */
  readonly p95: number;
  readonly p99: number;
}

/** A limit, and what is above it. */
export interface FoundLimit extends Limit {
  /** Pairs of images, on one side of a split or on two, that are taken for one head. */
  readonly alike: number;
}

/** Fewer images than this say nothing about how alike different heads are. */
export const fewestImages = 12;

/** Images that the distribution is taken from at most. */
const mostImages = 1500;

/**
 * The likeness that different heads exceed, over `comparisons` pairs together, with a probability of about `falseAlarms` at most.
 *
 * The distribution of likeness between different heads is the data's own: over pairs of images of different subjects
 * where subjects are known, else over all pairs less those that are linked by chains of likenesses above the limit itself, which
 * is lowered until it stays. Beyond its 99th percentile the distribution goes on as an exponential with the rate between the 95th and
 * the 99th (that of a normal distribution is steeper from there on, so the limit errs to the safe side). The expected
 * number of false pairs is `falseAlarms`, whatever their dependence. Nothing where no two images are of different subjects.
 */
export function findLimit(
  vectors: readonly Float32Array[],
  subjects: readonly (string | undefined)[],
  comparisons: number,
  falseAlarms: number,
): FoundLimit | undefined {
  const step = Math.max(1, Math.ceil(vectors.length / mostImages));
  const chosen = vectors.map((_, n) => n).filter((n) => n % step === 0);
  const n = chosen.length;
  const likenesses = new Float32Array((n * (n - 1)) / 2);
  const sameSubject = new Uint8Array(likenesses.length);
  for (let a = 1, at = 0; a < n; a++)
    for (let b = 0; b < a; b++, at++) {
      const [x, y] = [chosen[a]!, chosen[b]!];
      likenesses[at] = likeness(vectors[x]!, vectors[y]!);
      if (subjects[x] !== undefined && subjects[x] === subjects[y]) sameSubject[at] = 1;
    }
  const reading = (linked: Int32Array | undefined): Limit | undefined => {
    const kept: number[] = [];
    for (let a = 1, at = 0; a < n; a++)
      for (let b = 0; b < a; b++, at++)
        if (sameSubject[at] === 0 && (linked === undefined || linked[a] !== linked[b]))
          kept.push(likenesses[at]!);
    return limitOf(Float32Array.from(kept), comparisons, falseAlarms);
  };
  let found = reading(undefined);
  if (found === undefined) return undefined;
  // Chains that join a good part of all images join different heads.
  const apart = (at: number): Limit | undefined => {
    const linked = components(n, likenesses, at);
    return largest(linked) > Math.max(3, 0.25 * n) ? undefined : reading(linked);
  };
  const { middle, width } = coreOf(likenesses);
  for (const widths of firstChains) {
    const next = apart(Math.min(found.limit, middle + widths * width));
    if (next === undefined) break;
    if (next.limit < found.limit) found = next;
  }
  for (let round = 0; round < 6; round++) {
    const next = apart(found.limit);
    if (next === undefined) break;
    const settled = Math.abs(next.limit - found.limit) < 1e-3;
    if (next.limit < found.limit) found = next;
    if (settled) break;
  }
  const { limit } = found;
  return { ...found, alike: likenesses.reduce((count, value) => count + (value > limit ? 1 : 0), 0) };
}

/**
 * The same for images and the mirror images of others: heads are not symmetric, so that even one head's slices say little about
 * each other's mirror images, and all pairs of different subjects, or of different images, are the distribution.
 */
export function mirrorLimitOf(
  vectors: readonly Float32Array[],
  turned: readonly Float32Array[],
  subjects: readonly (string | undefined)[],
  comparisons: number,
  falseAlarms: number,
): Limit | undefined {
  const step = Math.max(1, Math.ceil(vectors.length / (mostImages / 2)));
  const kept: number[] = [];
  for (let a = 0; a < vectors.length; a += step)
    for (let b = 0; b < vectors.length; b += step)
      if (a !== b && !(subjects[a] !== undefined && subjects[a] === subjects[b]))
        kept.push(likeness(turned[a]!, vectors[b]!));
  return limitOf(Float32Array.from(kept), comparisons, falseAlarms);
}

/**
 * Where the first chains are looked for, in widths of the middle of the distribution above it: pairs of one head do not reach the
 * middle, as they do the tail. Where there are few heads they are a good part of all pairs, so that one has to begin close; where there are
 * many, chains that begin so close join different heads, and are not asked.
 */
const firstChains = [8, 7, 6, 5] as const;

function coreOf(likenesses: Float32Array): { readonly middle: number; readonly width: number } {
  const sorted = likenesses.slice().sort();
  const at = (q: number): number => sorted[Math.floor(q * (sorted.length - 1))]!;
  return { middle: at(0.5), width: at(0.8413) - at(0.5) };
}

function limitOf(values: Float32Array, comparisons: number, falseAlarms: number): Limit | undefined {
  if (values.length === 0) return undefined;
  values.sort();
  const quantile = (q: number): number => values[Math.min(values.length - 1, Math.floor(q * values.length))]!;
  const [p95, p99] = [quantile(0.95), quantile(0.99)];
  const rate = Math.log(5) / Math.max(p99 - p95, 1e-6);
  const limit = p99 + Math.max(0, Math.log((0.01 * Math.max(1, comparisons)) / falseAlarms)) / rate;
  return { limit, pairs: values.length, p95, p99 };
}

/** Which images hang together by likenesses above a limit: a number for each. */
function components(n: number, likenesses: Float32Array, limit: number): Int32Array {
  const parent = Int32Array.from({ length: n }, (_, a) => a);
  const root = (a: number): number => {
    let at = a;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  };
  for (let a = 1, at = 0; a < n; a++)
    for (let b = 0; b < a; b++, at++) if (likenesses[at]! > limit) parent[root(a)] = root(b);
  return parent.map((_, a) => root(a));
}

function largest(linked: Int32Array): number {
  const sizes = new Map<number, number>();
  for (const one of linked) sizes.set(one, (sizes.get(one) ?? 0) + 1);
  return Math.max(...sizes.values());
}
