/**
 * Values of a natural cubic spline as weights on its nodes.
 *
 * `nodes` equally spaced nodes span `length` equally spaced positions, first on first and last on last. Row p
 * of the result, `[length, nodes]` row-major, holds what each node's value counts for at position p; the
 * spline passes through the nodes. One node is a constant, two are a straight line. With `derivative`, the
 * same for the slope per position instead of the value.
 */
export function splineWeights(length: number, nodes: number, derivative = false): Float64Array {
  const weights = new Float64Array(length * nodes);
  if (nodes === 1) return derivative ? weights : weights.fill(1);
  const curvature = Array.from({ length: nodes }, (_, node) => curvatures(node, nodes));
  const perPosition = length > 1 ? (nodes - 1) / (length - 1) : 0;
  for (let p = 0; p < length; p++) {
    const t = length > 1 ? p * perPosition : (nodes - 1) / 2;
    const segment = Math.min(Math.floor(t), nodes - 2);
    const f = t - segment;
    const g = 1 - f;
    for (let node = 0; node < nodes; node++) {
      const y0 = node === segment ? 1 : 0;
      const y1 = node === segment + 1 ? 1 : 0;
      const m0 = curvature[node]![segment]!;
      const m1 = curvature[node]![segment + 1]!;
      weights[p * nodes + node] = derivative
        ? (y1 - y0 + ((1 - 3 * g * g) * m0 + (3 * f * f - 1) * m1) / 6) * perPosition
        : g * y0 + f * y1 + ((g * g * g - g) * m0 + (f * f * f - f) * m1) / 6;
    }
  }
  return weights;
}

/** Second derivatives at the nodes of the natural spline that is 1 at one node and 0 at the others. */
function curvatures(node: number, nodes: number): Float64Array {
  const value = (n: number): number => (n === node ? 1 : 0);
  const upper = new Float64Array(nodes);
  const result = new Float64Array(nodes);
  // Thomas' algorithm for M[n-1] + 4 M[n] + M[n+1] = 6 (y[n-1] - 2 y[n] + y[n+1]), M = 0 at both ends.
  for (let n = 1; n < nodes - 1; n++) {
    const pivot = 4 - upper[n - 1]!;
    upper[n] = 1 / pivot;
    result[n] = (6 * (value(n - 1) - 2 * value(n) + value(n + 1)) - result[n - 1]!) / pivot;
  }
  for (let n = nodes - 2; n > 0; n--) result[n]! -= upper[n]! * result[n + 1]!;
  return result;
}

/**
 * Apply weights `[length, nodes]` along one axis of values `[outer, nodes, inner]`: gives
 * `[outer, length, inner]`. Called once per axis, this evaluates a tensor-product spline.
 */
export function alongAxis(
  values: Float64Array,
  inner: number,
  nodes: number,
  weights: Float64Array,
  length: number,
): Float64Array {
  const outer = values.length / (nodes * inner);
  const result = new Float64Array(outer * length * inner);
  for (let o = 0, to = 0; o < outer; o++)
    for (let p = 0; p < length; p++, to += inner)
      // Two nodes at a time: half the traffic to the result, which is what this loop waits for.
      for (let n = 0; n < nodes; n += 2) {
        const a = weights[p * nodes + n]!;
        const b = n + 1 < nodes ? weights[p * nodes + n + 1]! : 0;
        const from = (o * nodes + n) * inner;
        const next = n + 1 < nodes ? from + inner : from;
        for (let x = 0; x < inner; x++)
          result[to + x] = result[to + x]! + a * values[from + x]! + b * values[next + x]!;
      }
  return result;
}
