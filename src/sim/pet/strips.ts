import { axisBinOf, fieldOfViewRadiusMm, type PetGeometry, rowInside } from "./geometry.js";

/**
 * Positions within a bin that pixels are shared out to. Sharing smears the edges of shadows, by at most an eighth of a
 * position for each of a bin's two edges: where rows of pixels line up with a view, one bin may be off by 1/64.
 */
export const positions = 16;
/** Bits behind the point of a position: the advance from pixel to pixel is rounded far below a position. */
export const positionShift = 14;
export const positionMask = (1 << positionShift) - 1;
export const perPosition = 1 / (1 << positionShift);
const scale = positions << positionShift;

/**
 * Where the pixels of a geometry lie on its views, and what their shadows weigh. Of an even number of views the second
 * half sees the image turned by 90 degrees as the first half sees the image: tables are of the first half, the `bases`.
 */
export interface Tables {
  readonly bases: number;
  /** Positions on either side of the axis's own: pixels' centres lie at 0 to `2 · middle`. */
  readonly middle: number;
  /** First and last pixel (exclusive) in view of the rows in the image's first half, the middle row among them. */
  readonly rows: Int32Array;
  /** `[base, row]`: position of the row's first pixel, in units of 1 / 2^positionShift. */
  readonly starts: Int32Array;
  /** By base: from pixel to pixel along a row, in the same units. */
  readonly advance: Int32Array;
  /** The position on which bin 0's first weight lies: may be below 0. Bin b's is 16 b further. */
  readonly first: number;
  /** Weights of a bin: a multiple of 16. */
  readonly taps: number;
  /** `[base, tap]`: the area that strip and pixel share over the strip's width, mm. */
  readonly weights: Float32Array;
}

/** The tables of a geometry. */
export function buildTables(geometry: PetGeometry): Tables {
  const { views, binSizeMm, imageSize, pixelSizeMm } = geometry;
  const side = pixelSizeMm / binSizeMm;
  const axis = axisBinOf(geometry);
  const bases = views % 2 === 0 ? views / 2 : views;
  const middle = Math.ceil((positions * fieldOfViewRadiusMm(geometry)) / binSizeMm) + 2;
  const widest = side * Math.SQRT1_2;
  const first = middle + Math.ceil(positions * (-axis - 0.5 - widest));
  const taps = positions * Math.ceil((positions * (1 + 2 * widest) + 1) / positions);
  const halfRows = Math.ceil(imageSize / 2);
  const centre = (imageSize - 1) / 2;
  const tables: Tables = {
    bases,
    middle,
    first,
    taps,
    rows: new Int32Array(2 * halfRows),
    starts: new Int32Array(bases * halfRows),
    advance: new Int32Array(bases),
    weights: new Float32Array(bases * taps),
  };
  for (let j = 0; j < halfRows; j++) tables.rows.set(rowInside(geometry, j), 2 * j);
  for (let base = 0; base < bases; base++) {
    const angle = angleOf(geometry, base);
    const [alongI, alongJ] = [side * Math.cos(angle), side * Math.sin(angle)];
    tables.advance[base] = Math.round(alongI * scale);
    for (let j = 0; j < halfRows; j++) {
      const t = (tables.rows[2 * j]! - centre) * alongI + (j - centre) * alongJ;
      tables.starts[base * halfRows + j] = Math.round((t + middle / positions) * scale);
    }
    const [narrow, wide] = [Math.abs(alongI), Math.abs(alongJ)].sort((a, b) => a - b) as [number, number];
    for (let k = 0; k < taps; k++) {
      const left = -axis - 0.5 - (first + k - middle) / positions;
      const area = shadowBelow(left + 1, narrow, wide) - shadowBelow(left, narrow, wide);
      tables.weights[base * taps + k] = area * side * side * binSizeMm;
    }
  }
  return tables;
}

function angleOf({ startDegrees, views }: PetGeometry, view: number): number {
  return (startDegrees * Math.PI) / 180 + (view * Math.PI) / views;
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
  /** Flat positions of the pixels in view within the image. */
  readonly pixels: Int32Array;
  /** `[view, pixel in view]`: the first of the two positions on the view. */
  readonly at: Int32Array;
  /** `[view, pixel in view]`: the part that goes to the position after it. */
  readonly next: Float32Array;
}

/** The sharing of all pixels on all views of a geometry. */
export function sharingOf(geometry: PetGeometry, tables: Tables): Sharing {
  const { imageSize, views } = geometry;
  const { bases, middle, rows, starts, advance } = tables;
  const order = fourfold(imageSize, rows);
  const count = order.length / 4;
  const place = new Map<number, number>();
  for (let n = 0; n < order.length; n++) {
    const pixel = order[n]!;
    if (pixel >= 0 && n % 4 < 2 && !place.has(pixel)) place.set(pixel, place.size);
  }
  const at = new Int32Array(views * place.size);
  const next = new Float32Array(at.length);
  const note = (view: number, pixel: number, position: number, part: number): void => {
    if (pixel < 0) return;
    const n = view * place.size + place.get(pixel)!;
    at[n] = position;
    next[n] = part;
  };
  for (let base = 0; base < bases; base++)
    for (let row = 0, n = 0; n < count; row++) {
      let u = starts[(base * rows.length) / 2 + row]!;
      const length = Math.max(0, rows[2 * row + 1]! - rows[2 * row]!);
      for (const end = n + length; n < end; n++, u += advance[base]!) {
        const position = u >> positionShift;
        const part = (u & positionMask) * perPosition;
        for (let lane = 0; lane < (bases < views ? 4 : 2); lane++) {
          const view = lane < 2 ? base : base + bases;
          if (lane % 2 === 0) note(view, order[4 * n + lane]!, position, part);
          else note(view, order[4 * n + lane]!, 2 * middle - position - 1, 1 - part);
        }
      }
    }
  return { pixels: Int32Array.from(place.keys()), at, next };
}

/**
 * For every pixel in view of the image's first half four flat positions: of the pixel itself, of the one opposite, and
 * of those two in the image turned by 90 degrees. On one base view the first and the third lie at a position, the
 * others at its mirror image. -1 where a pixel of the middle row would be its own opposite.
 */
export function fourfold(imageSize: number, rows: Int32Array): Int32Array {
  const out: number[] = [];
  const last = imageSize - 1;
  for (let j = 0; 2 * j < rows.length; j++) {
    const single = 2 * j === last;
    for (let i = rows[2 * j]!; i < rows[2 * j + 1]!; i++) {
      const turned = i * imageSize + (last - j);
      const opposite = (last - i) * imageSize + j;
      out.push(j * imageSize + i, single ? -1 : (last - j) * imageSize + (last - i));
      out.push(turned, single ? -1 : opposite);
    }
  }
  return Int32Array.from(out);
}
