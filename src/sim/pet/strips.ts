import { axisBinOf, fieldOfViewRadiusMm, type PetGeometry, rowInside } from "./geometry.js";

/**
 * Positions within a bin that pixels are shared out to. Sharing smears the edges of shadows, by at most an eighth of a
 * position for each of a bin's two edges: where rows of pixels line up with a view, one bin may be off by 1/64.
 */
export const positionBits = 4;
export const positions = 1 << positionBits;
/** Bits behind the point of positions along a row: the advance from pixel to pixel is rounded far below a position. */
const fractionBits = 18;
export const positionShift = fractionBits - positionBits;
export const scale = 2 ** fractionBits;
export const positionMask = (1 << positionShift) - 1;
export const perPosition = 1 / (1 << positionShift);

/** Where the pixels of a geometry lie on its views, and what their shadows weigh. */
export interface Tables {
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

/** The tables of a geometry. */
export function buildTables(geometry: PetGeometry): Tables {
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

/** Where the pixels in view lie on every view: the sharing out of `projector.ts`, as numbers. */
export interface Sharing {
  /** Flat positions of the pixels in view within the image, ascending. */
  readonly pixels: Int32Array;
  /** `[view, pixel in view]`: the first of the two positions on the view, counted from its first unseen bin. */
  readonly at: Int32Array;
  /** `[view, pixel in view]`: the part that goes to the position after it. */
  readonly next: Float32Array;
}

/** The sharing of all pixels on all views of a geometry. */
export function sharingOf(
  { imageSize, views }: PetGeometry,
  { rows, start, alongI, alongJ }: Tables,
): Sharing {
  const pixels: number[] = [];
  for (let j = 0; j < imageSize; j++)
    for (let i = rows[2 * j]!; i < rows[2 * j + 1]!; i++) pixels.push(j * imageSize + i);
  const at = new Int32Array(views * pixels.length);
  const next = new Float32Array(at.length);
  for (let view = 0, n = 0; view < views; view++) {
    const advance = Math.round(alongI[view]! * scale);
    for (let j = 0; j < imageSize; j++) {
      let u = Math.round((start[view]! + alongJ[view]! * j + alongI[view]! * rows[2 * j]!) * scale);
      for (let i = rows[2 * j]!; i < rows[2 * j + 1]!; i++, n++, u += advance) {
        at[n] = u >> positionShift;
        next[n] = (u & positionMask) * perPosition;
      }
    }
  }
  return { pixels: Int32Array.from(pixels), at, next };
}
