import type { Size3 } from "../volume/volume.js";
import { otsu } from "./head-frame.js";

/** Centre and spread of a head along each axis of a volume, in voxels. */
export interface SlabFrame {
  readonly centre: readonly [number, number, number];
  readonly spread: readonly [number, number, number];
}

/**
 * The head in a volume in the canonical frame, by the moments of what stands out from the faces' median. Nothing for a volume
 * that is empty or even. Turns are not undone: at the resolution that is compared, some degrees do not matter.
 */
export function slabFrame(data: Float32Array, [ni, nj, nk]: Size3): SlabFrame | undefined {
  const border: number[] = [];
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++) border.push(data[(k * nj + j) * ni]!, data[(k * nj + j) * ni + ni - 1]!);
  border.sort((a, b) => a - b);
  const background = border[border.length >> 1]!;
  const away = Float64Array.from(data, (value) => Math.abs(value - background));
  const limit = 0.6 * otsu(away);
  const sums = [0, 0, 0];
  const squares = [0, 0, 0];
  let count = 0;
  for (let k = 0, v = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, v++) {
        if (!(away[v]! > limit)) continue;
        count++;
        sums[0]! += i;
        sums[1]! += j;
        sums[2]! += k;
        squares[0]! += i * i;
        squares[1]! += j * j;
        squares[2]! += k * k;
      }
  if (count < Math.max(64, 0.01 * data.length)) return undefined;
  const centre = sums.map((sum) => sum / count) as [number, number, number];
  const spread = squares.map((sum, axis) => Math.sqrt(sum / count - centre[axis]! ** 2)) as [
    number,
    number,
    number,
  ];
  return spread.every((value) => value > 0.5) ? { centre, spread } : undefined;
}

/** Half the side of the box that is looked at, in standard deviations. */
const reach = 2;

/** `side` cubed values of the box around a head; trilinear, what lies outside repeats the edge. */
export function sampleSlab(
  data: Float32Array,
  size: Size3,
  { centre, spread }: SlabFrame,
  side: number,
): Float32Array {
  const [ni, nj] = size;
  /** Every position is the mean of two, so that what lies between samples counts as well. */
  const fine = 2 * side;
  const along = [0, 1, 2].map((axis) => {
    const step = (2 * reach * spread[axis]!) / fine;
    return Float64Array.from({ length: fine }, (_, n) =>
      Math.min(size[axis]! - 1, Math.max(0, centre[axis]! + (n + 0.5 - side) * step)),
    );
  });
  const out = new Float32Array(side ** 3);
  for (let z = 0; z < fine; z++) {
    const k = Math.min(size[2] - 2, Math.floor(along[2]![z]!));
    const c = along[2]![z]! - k;
    for (let y = 0; y < fine; y++) {
      const j = Math.min(nj - 2, Math.floor(along[1]![y]!));
      const b = along[1]![y]! - j;
      for (let x = 0; x < fine; x++) {
        const i = Math.min(ni - 2, Math.floor(along[0]![x]!));
        const a = along[0]![x]! - i;
        const at = (k * nj + j) * ni + i;
        const up = at + ni * nj;
        const value =
          (1 - c) *
            ((1 - b) * ((1 - a) * data[at]! + a * data[at + 1]!) +
              b * ((1 - a) * data[at + ni]! + a * data[at + ni + 1]!)) +
          c *
            ((1 - b) * ((1 - a) * data[up]! + a * data[up + 1]!) +
              b * ((1 - a) * data[up + ni]! + a * data[up + ni + 1]!));
        const to = ((z >> 1) * side + (y >> 1)) * side + (x >> 1);
        out[to] = out[to]! + value / 8;
      }
    }
  }
  return out;
}
