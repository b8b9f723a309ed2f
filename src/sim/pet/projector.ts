import {
  axisBinOf,
  fieldOfViewRadiusMm,
  type PetGeometry,
  requireImage,
  requireSinogram,
  rowInside,
  sinogramLength,
} from "./geometry.js";

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
 * Positions within a bin that pixels are shared out to. Sharing smears the edges of shadows, by at most an eighth of a
 * position for each of a bin's two edges: where rows of pixels line up with a view, one bin may be off by 1/64.
 */
const positionBits = 4;
const positions = 1 << positionBits;
/** Bits behind the point of positions along a row: the advance from pixel to pixel is rounded far below a position. */
const fractionBits = 18;
const positionShift = fractionBits - positionBits;
const scale = 2 ** fractionBits;
const positionMask = (1 << positionShift) - 1;
const perPosition = 1 / (1 << positionShift);

interface Tables {
  /** Bins that a pixel can touch, at least 4 so that the common case is unrolled. */
  readonly taps: number;
  /** Unseen bins on either side, so that no footprint leaves the buffer. */
  readonly margin: number;
  /** `[view, tap, position]`: shared area of pixel and strip over the strip's width, mm. */
  readonly weights: Float64Array;
  /** For every view the first bin touched by pixel (0, 0), and its advance for i and for j: bins. */
  readonly start: Float64Array;
  readonly alongI: Float64Array;
  readonly alongJ: Float64Array;
  /** First and last pixel (exclusive) in view of every row. */
  readonly rows: Int32Array;
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

function buildTables(geometry: PetGeometry): Tables {
  const { views, bins, binSizeMm, startDegrees, imageSize, pixelSizeMm } = geometry;
  const side = pixelSizeMm / binSizeMm;
  const taps = Math.max(4, Math.ceil(Math.SQRT2 * side) + 1);
  const axis = axisBinOf(geometry);
  const reach = fieldOfViewRadiusMm(geometry) / binSizeMm + side + 2;
  const margin = taps + Math.max(0, Math.ceil(reach - Math.min(axis, bins - 1 - axis)));
  const tables: Tables = {
    taps,
    margin,
    weights: new Float64Array(views * positions * taps),
    start: new Float64Array(views),
    alongI: new Float64Array(views),
    alongJ: new Float64Array(views),
    rows: new Int32Array(2 * imageSize),
  };
  for (let j = 0; j < imageSize; j++) tables.rows.set(rowInside(geometry, j), 2 * j);
  for (let view = 0; view < views; view++) {
    const angle = (startDegrees * Math.PI) / 180 + (view * Math.PI) / views;
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    const [narrow, wide] = [side * Math.abs(cosine), side * Math.abs(sine)].sort((a, b) => a - b) as [
      number,
      number,
    ];
    const half = (narrow + wide) / 2;
    tables.alongI[view] = side * cosine;
    tables.alongJ[view] = side * sine;
    const middle = ((imageSize - 1) / 2) * side * (cosine + sine);
    // Bin b covers b - 1/2 to b + 1/2.
    tables.start[view] = axis - middle - half + 0.5 + margin;
    for (let k = 0; k < taps; k++)
      for (let q = 0; q < positions; q++) {
        const left = k - q / positions - half;
        const area = shadowBelow(left + 1, narrow, wide) - shadowBelow(left, narrow, wide);
        tables.weights[(view * taps + k) * positions + q] = area * side * side * binSizeMm;
      }
  }
  return tables;
}

/** The part of a pixel's shadow below s: boxes of two widths convolved, centred on 0, 1 in all. */
function shadowBelow(s: number, narrow: number, wide: number): number {
  const outer = (narrow + wide) / 2;
  const inner = (wide - narrow) / 2;
  const a = Math.abs(s);
  if (a >= outer) return s > 0 ? 1 : 0;
  const above = a <= inner ? 0.5 - a / wide : (outer - a) ** 2 / (2 * narrow * wide);
  return s > 0 ? 1 - above : above;
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
