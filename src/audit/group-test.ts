import type { Rng } from "../core/rng.js";

/** A difference between groups and how often chance makes one as large. */
export interface GroupTest {
  /** Between groups over all: 0 for none, 1 for groups that are apart; Cramér's V for words, the correlation ratio for numbers. */
  readonly effect: number;
  readonly p: number;
}

/** Permutations, and so the smallest p: 1 in this many and one. */
export const permutations = 9999;

/**
 * Permutation test of whether a variable differs between groups: by the share of its variance between them (numbers) or by
 * chi-square (words). Exact whatever the distribution; p counts the observed arrangement among the permutations.
 */
export function testGroups(
  values: readonly number[] | readonly string[],
  groups: readonly string[],
  rng: Rng,
): GroupTest {
  const names = [...new Set(groups)];
  const group = Int32Array.from(groups, (name) => names.indexOf(name));
  const statistic = values.every((value) => typeof value === "number")
    ? betweenGroups(Float64Array.from(values as readonly number[]), names.length)
    : chiSquare(values as readonly string[], group, names.length);
  const observed = statistic(group);
  const shuffled = group.slice();
  let asLarge = 1;
  for (let n = 0; n < permutations; n++) {
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = rng.integer(i + 1);
      const kept = shuffled[i]!;
      shuffled[i] = shuffled[j]!;
      shuffled[j] = kept;
    }
    if (statistic(shuffled) >= observed - 1e-12) asLarge++;
  }
  return { effect: Math.sqrt(Math.max(0, Math.min(1, observed))), p: asLarge / (permutations + 1) };
}

/** Share of the variance that lies between groups. */
function betweenGroups(values: Float64Array, count: number): (group: Int32Array) => number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const centred = values.map((value) => value - mean);
  const total = centred.reduce((sum, value) => sum + value * value, 0);
  const sums = new Float64Array(count);
  const sizes = new Float64Array(count);
  return (group) => {
    if (!(total > 0)) return 0;
    sums.fill(0);
    sizes.fill(0);
    for (let n = 0; n < group.length; n++) {
      sums[group[n]!]! += centred[n]!;
      sizes[group[n]!]!++;
    }
    let between = 0;
    for (let g = 0; g < count; g++) if (sizes[g]! > 0) between += sums[g]! ** 2 / sizes[g]!;
    return between / total;
  };
}

/** Chi-square over its largest possible value: the square of Cramér's V. */
function chiSquare(
  values: readonly string[],
  first: Int32Array,
  count: number,
): (group: Int32Array) => number {
  const levels = [...new Set(values)];
  const level = Int32Array.from(values, (value) => levels.indexOf(value));
  const byLevel = new Float64Array(levels.length);
  for (const one of level) byLevel[one]!++;
  const byGroup = new Float64Array(count);
  for (const one of first) byGroup[one]!++;
  const table = new Float64Array(levels.length * count);
  const most = values.length * (Math.min(levels.length, count) - 1);
  return (group) => {
    if (most === 0) return 0;
    table.fill(0);
    for (let n = 0; n < group.length; n++) table[level[n]! * count + group[n]!]!++;
    let sum = 0;
    for (let l = 0; l < levels.length; l++)
      for (let g = 0; g < count; g++) {
        const expected = (byLevel[l]! * byGroup[g]!) / values.length;
        if (expected > 0) sum += (table[l * count + g]! - expected) ** 2 / expected;
      }
    return sum / most;
  };
}

/** Holm's correction (1979): p values that may be compared with one level together. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, n) => n).sort((a, b) => ps[a]! - ps[b]!);
  const out = ps.slice();
  let highest = 0;
  order.forEach((n, at) => {
    highest = Math.max(highest, Math.min(1, ps[n]! * (ps.length - at)));
    out[n] = highest;
  });
  return out;
}
