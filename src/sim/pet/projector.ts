import { type PetGeometry, requireImage, requireSinogram, sinogramLength } from "./geometry.js";
import {
  buildTables,
  perPosition,
  positionMask,
  positionShift,
  positions,
  scale,
  type Tables,
} from "./strips.js";

/** Every `step`-th view from `first` on: the ordered subsets of OSEM. */
export interface Views {
  readonly first: number;
  readonly step: number;
}

export const allViews: Views = { first: 0, step: 1 };

/** Line integrals of an image, and their adjoint. Neither keeps its arguments; results may be written `into` an array. */
export interface Projector {
  readonly geometry: PetGeometry;
  /**
   * Mean line integral over every bin, in image units times mm: the area that pixel and strip share over the strip's
   * width, times the pixel's value, summed. Bins of views that are not asked for are left alone (0 in a new array).
   */
  forward(image: Float32Array, views?: Views, into?: Float32Array): Float32Array;
  /** The transpose of `forward`: weights and rounding of positions are the same ones. Pixels out of view are 0. */
  back(sinogram: Float32Array, views?: Views, into?: Float32Array): Float32Array;
}

/**
 * A projector by strip areas: a pixel is a square of constant value, its shadow on a view a trapezoid, and a bin's
 * weight the part of the shadow within the bin. So every view holds the image's integral exactly, whatever the sizes
 * of pixels and bins (strips as in Lo 1988; De Man & Basu 2004 compare the rules).
 *
 * All pixels have the same shadow on a view. So a view is made in two steps: every pixel is shared out between the two
 * nearest of 16 positions in its bin, which keeps its sum and its place; then the shadow is laid over all positions at
 * once. Backwards the same in reverse, so that each is the other's transpose.
 */
export function buildProjector(geometry: PetGeometry): Projector {
  const tables = buildTables(geometry);
  const { views: count, imageSize } = geometry;
  const fine = new Float64Array((geometry.bins + 2 * tables.margin) * positions);
  const row = new Float64Array(geometry.bins + 2 * tables.margin);
  const sum = new Float64Array(imageSize * imageSize);
  return {
    geometry,
    forward(image, { first, step } = allViews, into) {
      requireImage(image, geometry, "an image to be projected");
      const out = into ?? new Float32Array(sinogramLength(geometry));
      requireSinogram(out, geometry, "the sinogram to write into");
      for (let view = first; view < count; view += step) {
        fine.fill(0);
        gather(imageSize, tables, view, image, fine);
        castShadows(geometry, tables, view, fine, out);
      }
      return out;
    },
    back(sinogram, { first, step } = allViews, into) {
      requireSinogram(sinogram, geometry, "a sinogram to be projected back");
      const out = into ?? new Float32Array(imageSize * imageSize);
      requireImage(out, geometry, "the image to write into");
      sum.fill(0);
      row.fill(0);
      for (let view = first; view < count; view += step) {
        for (let b = 0; b < geometry.bins; b++) row[tables.margin + b] = sinogram[view * geometry.bins + b]!;
        averageShadows(tables, view, row, fine);
        spread(imageSize, tables, view, fine, sum);
      }
      out.set(sum);
      return out;
    },
  };
}

/** Share every pixel out to its two positions on a view. */
function gather(
  imageSize: number,
  { start, alongI, alongJ, rows }: Tables,
  view: number,
  image: Float32Array,
  fine: Float64Array,
): void {
  const advance = Math.round(alongI[view]! * scale);
  for (let j = 0; j < imageSize; j++) {
    const from = rows[2 * j]!;
    const end = j * imageSize + rows[2 * j + 1]!;
    let u = Math.round((start[view]! + alongJ[view]! * j + alongI[view]! * from) * scale);
    for (let v = j * imageSize + from; v < end; v++, u += advance) {
      const at = u >> positionShift;
      const x = image[v]!;
      const next = x * ((u & positionMask) * perPosition);
      fine[at] = fine[at]! + (x - next);
      fine[at + 1] = fine[at + 1]! + next;
    }
  }
}

/** Bins from positions: bin b gets from the positions in bins b - k what tap k says. */
function castShadows(
  { bins }: PetGeometry,
  { taps, margin, weights }: Tables,
  view: number,
  fine: Float64Array,
  out: Float32Array,
): void {
  for (let b = 0; b < bins; b++) {
    let even = 0;
    let odd = 0;
    for (let k = 0; k < taps; k++) {
      const w = (view * taps + k) * positions;
      const at = (margin + b - k) * positions;
      for (let q = 0; q < positions; q += 4) {
        even += fine[at + q]! * weights[w + q]! + fine[at + q + 2]! * weights[w + q + 2]!;
        odd += fine[at + q + 1]! * weights[w + q + 1]! + fine[at + q + 3]! * weights[w + q + 3]!;
      }
    }
    out[view * bins + b] = even + odd;
  }
}

/** Positions from bins: the transpose of `castShadows`. */
function averageShadows(
  { taps, weights }: Tables,
  view: number,
  row: Float64Array,
  fine: Float64Array,
): void {
  const from = view * taps * positions;
  for (let b = 0; b + taps <= row.length; b++) {
    const r0 = row[b]!;
    const r1 = row[b + 1]!;
    const r2 = row[b + 2]!;
    const r3 = row[b + 3]!;
    const at = b * positions;
    for (let q = 0, w = from; q < positions; q++, w++)
      fine[at + q] =
        r0 * weights[w]! +
        r1 * weights[w + positions]! +
        (r2 * weights[w + 2 * positions]! + r3 * weights[w + 3 * positions]!);
    for (let k = 4; k < taps; k++)
      for (let q = 0; q < positions; q++)
        fine[at + q] = fine[at + q]! + row[b + k]! * weights[from + k * positions + q]!;
  }
}

/** Add to every pixel what its two positions on a view hold: the transpose of `gather`. */
function spread(
  imageSize: number,
  { start, alongI, alongJ, rows }: Tables,
  view: number,
  fine: Float64Array,
  sum: Float64Array,
): void {
  const advance = Math.round(alongI[view]! * scale);
  for (let j = 0; j < imageSize; j++) {
    const from = rows[2 * j]!;
    const end = j * imageSize + rows[2 * j + 1]!;
    let u = Math.round((start[view]! + alongJ[view]! * j + alongI[view]! * from) * scale);
    for (let v = j * imageSize + from; v < end; v++, u += advance) {
      const at = u >> positionShift;
      const here = fine[at]!;
      sum[v] = sum[v]! + here + (fine[at + 1]! - here) * ((u & positionMask) * perPosition);
    }
  }
}
