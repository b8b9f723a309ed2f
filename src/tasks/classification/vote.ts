/** How much each position says, and how often it was right. */
export interface Votes {
  /** Together 1. */
  readonly weights: readonly number[];
  /** Share of the cases that the position by itself was right about. */
  readonly accuracies: readonly number[];
  /** Positions that have a vote. */
  readonly kept: number;
}

/** Every position the same. */
export function equalVotes(positions: number): number[] {
  return new Array<number>(positions).fill(1 / positions);
}

/**
 * Weights of a soft vote: in proportion to each position's accuracy on cases that were not trained on, none for those
 * below the threshold; where all are below, the most accurate ones alone vote. `probabilities[case][position]` are of the
 * positive class.
 *
 * Wen et al. 2020; the threshold is on rates, as the paper says (its code compares counts).
 */
export function votesBy(
  cases: readonly { readonly probabilities: ArrayLike<number>; readonly positive: boolean }[],
  threshold: number,
): Votes {
  const positions = cases[0]?.probabilities.length ?? 0;
  const accuracies = Array.from({ length: positions }, (_, position) => {
    const right = cases.filter((one) => one.probabilities[position]! >= 0.5 === one.positive).length;
    return right / cases.length;
  });
  const best = Math.max(...accuracies);
  const bar = Math.min(best, threshold);
  const kept = accuracies.map((accuracy) => (accuracy >= bar ? accuracy : 0));
  const total = kept.reduce((a, b) => a + b, 0);
  return {
    weights: total === 0 ? equalVotes(positions) : kept.map((accuracy) => accuracy / total),
    accuracies,
    kept: kept.filter((accuracy) => accuracy > 0).length,
  };
}

/** Σ w p over the positions. */
export function vote(probabilities: ArrayLike<number>, weights: readonly number[]): number {
  let sum = 0;
  for (let n = 0; n < weights.length; n++) sum += weights[n]! * probabilities[n]!;
  return Math.min(1, Math.max(0, sum));
}
