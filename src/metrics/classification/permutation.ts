import { fail } from "../../core/errors.js";
import type { Rng } from "../../core/rng.js";
import { paired } from "./delong.js";
import type { Judgement } from "./scores.js";

export interface PermutationResult {
  /** First less second. */
  readonly difference: number;
  /** Two-sided, counting the order that was found as one of the permutations. */
  readonly p: number;
  readonly permutations: number;
}

/**
 * Whether two classifiers differ in a figure on the same subjects: what they say of a subject is exchanged by chance, as
 * would make no difference if they were alike, and the differences that come of it are compared with the one found. Any
 * figure will do, balanced accuracy or Brier score as well as AUC. The same `rng` gives the same p. Throws as `delongTest`
 * does, `bad-argument` for fewer than 100 permutations.
 */
export function permutationTest(
  first: readonly Judgement[],
  second: readonly Judgement[],
  figure: (cases: readonly Judgement[]) => number,
  rng: Rng,
  { permutations = 2000 }: { readonly permutations?: number } = {},
): PermutationResult {
  const [a, b] = paired(first, second);
  if (!(Number.isInteger(permutations) && permutations >= 100))
    fail("bad-argument", {
      what: "so few permutations say nothing",
      expected: "100 and more",
      found: `${permutations}`,
    });
  const difference = figure(a) - figure(b);
  let extreme = 1;
  for (let n = 0; n < permutations; n++) {
    const swap = a.map(() => rng.chance(0.5));
    const one = a.map((own, at) => (swap[at] ? b[at]! : own));
    const two = b.map((own, at) => (swap[at] ? a[at]! : own));
    // Sums in another order differ in their last digit.
    if (Math.abs(figure(one) - figure(two)) >= Math.abs(difference) - 1e-12) extreme++;
  }
  return { difference, p: extreme / (permutations + 1), permutations };
}
