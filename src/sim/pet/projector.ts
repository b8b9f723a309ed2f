import {
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

/** Positions within a bin that weights are tabulated for: finer than a hundredth of a bin. */
const positionBits = 8;
const positions = 1 << positionBits;
/** Bits behind the point of positions along a row: a row's rounding stays below a ten-thousandth of a bin. */
const fractionBits = 18;

interface Tables {
  /** Bins that a pixel can touch, at least 4 so that the common case is unrolled. */
  readonly taps: number;
  /** Unseen bins on either side, so that no footprint leaves the buffer. */
  readonly margin: number;
  /** `[view, position, tap]`: shared area of pixel and strip over the strip's width, mm. */
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
 * of pixels and bins. Positions within a bin are rounded to 1/256 bin, the same way in both directions.
 * Source of the footprint: De Man & Basu 2004 compare the rules; strips as in Lo 1988.
 */
export function buildProjector(geometry: PetGeometry): Projector {
  const tables = buildTables(geometry);
  const { views: count, imageSize } = geometry;
  const buffer = new Float64Array(geometry.bins + 2 * tables.margin);
  const sum = new Float64Array(imageSize * imageSize);
  return {
    geometry,
    forward(image, { first, step } = allViews, into) {
      requireImage(image, geometry, "an image to be projected");
      const out = into ?? new Float32Array(sinogramLength(geometry));
      requireSinogram(out, geometry, "the sinogram to write into");
      for (let view = first; view < count; view += step) {
        buffer.fill(0);
        forwardView(geometry, tables, view, image, buffer);
        const from = view * geometry.bins;
        for (let b = 0; b < geometry.bins; b++) out[from + b] = buffer[tables.margin + b]!;
      }
      return out;
    },
    back(sinogram, { first, step } = allViews, into) {
      requireSinogram(sinogram, geometry, "a sinogram to be projected back");
      const out = into ?? new Float32Array(imageSize * imageSize);
      requireImage(out, geometry, "the image to write into");
      sum.fill(0);
      buffer.fill(0);
      for (let view = first; view < count; view += step) {
        const from = view * geometry.bins;
        for (let b = 0; b < geometry.bins; b++) buffer[tables.margin + b] = sinogram[from + b]!;
        backView(geometry, tables, view, buffer, sum);
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
  const reach = fieldOfViewRadiusMm(geometry) / binSizeMm + side + 2;
  const margin = taps + Math.max(0, Math.ceil(reach - bins / 2));
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
    // Bin b covers b - 1/2 to b + 1/2; half a position more, so that cutting off digits rounds to the nearest.
    tables.start[view] = (bins - 1) / 2 - middle - half + 0.5 + margin + 0.5 / positions;
    for (let q = 0; q < positions; q++) {
      const at = (view * positions + q) * taps;
      for (let k = 0; k < taps; k++) {
        const left = k - q / positions - half;
        const area = shadowBelow(left + 1, narrow, wide) - shadowBelow(left, narrow, wide);
        tables.weights[at + k] = area * side * side * binSizeMm;
      }
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

function forwardView(
  { imageSize }: PetGeometry,
  { taps, weights, start, alongI, alongJ, rows }: Tables,
  view: number,
  image: Float32Array,
  buffer: Float64Array,
): void {
  const scale = 2 ** fractionBits;
  const advance = Math.round(alongI[view]! * scale);
  const base = view * positions * taps;
  for (let j = 0; j < imageSize; j++) {
    const from = rows[2 * j]!;
    const to = rows[2 * j + 1]!;
    let u = Math.round((start[view]! + alongJ[view]! * j + alongI[view]! * from) * scale);
    if (taps === 4)
      for (let v = j * imageSize + from; v < j * imageSize + to; v++, u += advance) {
        const x = image[v]!;
        if (x === 0) continue;
        const b = u >> fractionBits;
        const w = base + (((u >> (fractionBits - positionBits)) & (positions - 1)) << 2);
        buffer[b] = buffer[b]! + x * weights[w]!;
        buffer[b + 1] = buffer[b + 1]! + x * weights[w + 1]!;
        buffer[b + 2] = buffer[b + 2]! + x * weights[w + 2]!;
        buffer[b + 3] = buffer[b + 3]! + x * weights[w + 3]!;
      }
    else
      for (let v = j * imageSize + from; v < j * imageSize + to; v++, u += advance) {
        const x = image[v]!;
        if (x === 0) continue;
        const b = u >> fractionBits;
        const w = base + ((u >> (fractionBits - positionBits)) & (positions - 1)) * taps;
        for (let k = 0; k < taps; k++) buffer[b + k] = buffer[b + k]! + x * weights[w + k]!;
      }
  }
}

function backView(
  { imageSize }: PetGeometry,
  { taps, weights, start, alongI, alongJ, rows }: Tables,
  view: number,
  buffer: Float64Array,
  sum: Float64Array,
): void {
  const scale = 2 ** fractionBits;
  const advance = Math.round(alongI[view]! * scale);
  const base = view * positions * taps;
  for (let j = 0; j < imageSize; j++) {
    const from = rows[2 * j]!;
    const to = rows[2 * j + 1]!;
    let u = Math.round((start[view]! + alongJ[view]! * j + alongI[view]! * from) * scale);
    if (taps === 4)
      for (let v = j * imageSize + from; v < j * imageSize + to; v++, u += advance) {
        const b = u >> fractionBits;
        const w = base + (((u >> (fractionBits - positionBits)) & (positions - 1)) << 2);
        sum[v] =
          sum[v]! +
          buffer[b]! * weights[w]! +
          buffer[b + 1]! * weights[w + 1]! +
          buffer[b + 2]! * weights[w + 2]! +
          buffer[b + 3]! * weights[w + 3]!;
      }
    else
      for (let v = j * imageSize + from; v < j * imageSize + to; v++, u += advance) {
        const b = u >> fractionBits;
        const w = base + ((u >> (fractionBits - positionBits)) & (positions - 1)) * taps;
        let total = 0;
        for (let k = 0; k < taps; k++) total += buffer[b + k]! * weights[w + k]!;
        sum[v] = sum[v]! + total;
      }
  }
}
