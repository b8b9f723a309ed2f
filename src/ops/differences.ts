import { fail } from "../core/errors.js";
import { showShape } from "../core/tensor.js";
import { checked, type Value } from "../graph/node.js";
import { requireAxes, requireFloats } from "./check.js";
import { mul, sub } from "./elementwise.js";
import { slice } from "./move.js";

function shifted(x: Value, axis: number, step: number): Value {
  checked("difference", [x], () => {
    requireFloats(x);
    requireAxes(x.shape, [axis]);
    if (x.shape[axis]! <= step)
      fail("shape", { what: `axis ${axis} of ${showShape(x.shape)} is too short`, expected: `over ${step}` });
  });
  const sizes = x.shape.map((extent, a) => (a === axis ? extent - step : extent));
  const from = (start: number): Value =>
    slice(
      x,
      x.shape.map((_, a) => (a === axis ? start : 0)),
      sizes,
    );
  return sub(from(step), from(0));
}

/** x[i + 1] - x[i] along one axis, which becomes one shorter. */
export function forwardDifference(x: Value, axis: number): Value {
  return shifted(x, axis, 1);
}

/** (x[i + 1] - x[i - 1]) / 2 along one axis, inner elements only: the axis becomes two shorter. */
export function centralDifference(x: Value, axis: number): Value {
  return mul(shifted(x, axis, 2), 0.5);
}

/** Forward differences of `[N, C, …S]` along every spatial axis: the gradient of an image, in units per voxel. */
export function imageGradients(x: Value): Value[] {
  return x.shape.slice(2).map((_, axis) => forwardDifference(x, axis + 2));
}
