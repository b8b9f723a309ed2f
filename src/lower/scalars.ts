import type { Value } from "../graph/node.js";
import { mul } from "../ops/elementwise.js";
import type { Rewrite } from "./target.js";

/** The number that a value repeats everywhere, if it does. */
function scalarOf({ node, shape }: Value): Value | undefined {
  if (shape.length === 0 || node.op !== "broadcast") return undefined;
  const [narrow] = node.inputs as [Value];
  return narrow.shape.length === 0 ? narrow : undefined;
}

/** (x s) t with numbers s and t is x (s t): a pass over x less, as at the end of an optimiser's update. */
export const scalarsFirst: Rewrite = (node) => {
  const [outer, t] = split(node.inputs);
  if (t === undefined || outer.node.op !== "mul") return undefined;
  const [x, s] = split(outer.node.inputs);
  return s === undefined ? undefined : [mul(x, mul(s, t))];
};

function split([a, b]: readonly Value[]): readonly [Value, Value | undefined] {
  const thin = scalarOf(b!);
  return thin === undefined ? [b!, scalarOf(a!)] : [a!, thin];
}
