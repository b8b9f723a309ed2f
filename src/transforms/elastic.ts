import type { Rng } from "../core/rng.js";
import type { Size3 } from "../volume/volume.js";
import { type DrawContext, planeNormal, type Range } from "./sample.js";
import { alongAxis, splineWeights } from "./spline.js";

/** A smooth displacement: vectors at the nodes of a coarse grid that spans the patch, a cubic spline between. */
export interface ElasticParameters {
  /** Nodes along i, j, k; 1 along an axis that does not vary. */
  readonly nodes: Size3;
  /** `displacementMm[((c * nj + b) * ni + a) * 3 + axis]`, axis fastest. */
  readonly displacementMm: readonly number[];
  /** What the drawn vectors were multiplied by so that space does not fold; 1 where nothing was needed. */
  readonly reduced: number;
}

export interface ElasticSpec {
  readonly probability: number;
  /** Nodes along each axis that varies. */
  readonly nodes: number;
  /** Range of the standard deviation of the node displacements, drawn once per sample. */
  readonly sigma: Range;
  readonly unit: "mm" | "voxel";
}

/** Local volume may shrink to this share of itself, no further: well clear of 0, where space folds. */
const smallestJacobian = 0.1;

/**
 * Draw a displacement: vectors from N(0, sigma) at coarse nodes, as in the 2015 U-Net (3x3 nodes, 10 pixels).
 *
 * Where the field would fold space (its Jacobian determinant falls to 0.1 or below anywhere), the whole field
 * is scaled down until it does not, and `reduced` says by how much. In 2-D and in thick slices the
 * displacement stays in the plane. Returns `null` when, by its probability, nothing happens.
 */
export function drawElastic(spec: ElasticSpec, rng: Rng, context: DrawContext): ElasticParameters | null {
  if (!rng.split("happens").chance(spec.probability)) return null;
  const normal = planeNormal(context);
  const nodes = context.size.map((_, axis) => (axis === normal ? 1 : spec.nodes)) as [number, number, number];
  const sigma = rng.split("sigma").between(spec.sigma[0], spec.sigma[1]);
  const drawn = rng.split("vectors");
  const count = nodes[0] * nodes[1] * nodes[2];
  const displacementMm = Array.from({ length: count * 3 }, (_, n) => {
    const axis = n % 3;
    const mm = drawn.normal(0, sigma) * (spec.unit === "mm" ? 1 : context.spacingMm[axis]!);
    return axis === normal ? 0 : mm;
  });
  const gradients = displacementGradients(nodes, displacementMm, context);
  let reduced = 1;
  while (leastDeterminant(gradients, reduced) <= smallestJacobian) reduced *= 0.8;
  return Object.freeze({ nodes, displacementMm: displacementMm.map((mm) => mm * reduced), reduced });
}

/**
 * Smallest determinant of the Jacobian of `x → x + u(x)` over a lattice of four positions between nodes: 1
 * leaves volume as it is, 0 or less folds.
 */
export function minimumJacobian(
  { nodes, displacementMm }: ElasticParameters,
  context: Pick<DrawContext, "size" | "spacingMm">,
): number {
  return leastDeterminant(displacementGradients(nodes, displacementMm, context), 1);
}

/** Slopes of u along i, j and k on the lattice, three components each. */
type Gradients = readonly [Float64Array, Float64Array, Float64Array];

function displacementGradients(
  nodes: Size3,
  displacementMm: readonly number[],
  { size, spacingMm }: Pick<DrawContext, "size" | "spacingMm">,
): Gradients {
  const positions = nodes.map((n) => (n === 1 ? 1 : (n - 1) * 4 + 1)) as [number, number, number];
  const values = nodes.map((n, axis) => splineWeights(positions[axis]!, n));
  const slopes = nodes.map((n, axis) => {
    // Slopes per lattice position become slopes per mm.
    const extentMm = (size[axis]! - 1) * spacingMm[axis]!;
    const perMm = extentMm > 0 ? (positions[axis]! - 1) / extentMm : 0;
    return splineWeights(positions[axis]!, n, true).map((weight) => weight * perMm);
  });
  const displacement = Float64Array.from(displacementMm);
  const slopeAlong = (sloped: number): Float64Array => {
    const weights = [0, 1, 2].map((axis) => (axis === sloped ? slopes : values)[axis]!);
    const byI = alongAxis(displacement, 3, nodes[0], weights[0]!, positions[0]);
    const byJ = alongAxis(byI, 3 * positions[0], nodes[1], weights[1]!, positions[1]);
    return alongAxis(byJ, 3 * positions[0] * positions[1], nodes[2], weights[2]!, positions[2]);
  };
  return [slopeAlong(0), slopeAlong(1), slopeAlong(2)];
}

/** Smallest determinant of `1 + scale · gradient` over the lattice. */
function leastDeterminant([di, dj, dk]: Gradients, scale: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at < di.length; at += 3) {
    const a = 1 + scale * di[at]!;
    const b = scale * dj[at]!;
    const c = scale * dk[at]!;
    const d = scale * di[at + 1]!;
    const e = 1 + scale * dj[at + 1]!;
    const f = scale * dk[at + 1]!;
    const g = scale * di[at + 2]!;
    const h = scale * dj[at + 2]!;
    const i = 1 + scale * dk[at + 2]!;
    least = Math.min(least, a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g));
  }
  return least;
}
