import { splineCoefficients, splineWeightsAt } from "../../volume/bspline.js";
import type { ImageVolume, Size3 } from "../../volume/volume.js";
import type { Task } from "./batches.js";

/** A network that runs on some slices at a time, `[slices, height, width]`. */
export interface SliceRunner {
  readonly slices: number;
  run(input: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/** What opens a network on slices of given extents. */
export interface SliceRunners {
  open(task: Task, height: number, width: number): Promise<SliceRunner>;
}

export interface AlongOptions {
  readonly signal?: AbortSignal | undefined;
  onProgress?(share: number): void;
}

/**
 * A volume after a network, once for every direction: angles evenly spaced over half a turn about k, in whose planes,
 * along k and the angle, the network runs. At angles that are not right ones planes are cut by cubic splines, and what
 * the network has changed is brought back and added: what it leaves alone is not interpolated.
 */
export async function alongSlices(
  runners: SliceRunners,
  task: Task,
  image: ImageVolume,
  directions: number,
  { signal, onProgress }: AlongOptions = {},
): Promise<Float32Array[]> {
  const results: Float32Array[] = [];
  for (let n = 0; n < directions; n++) {
    const progress = (share: number): void => onProgress?.((n + share) / directions);
    const angle = (2 * n) / directions;
    if (angle === 0) results.push(await alongI(runners, task, image, signal, progress));
    else if (angle === 1) {
      const turned = transposed(image.data, image.size);
      const found = await alongI(runners, task, { ...image, ...turned }, signal, progress);
      results.push(transposed(found, turned.size).data);
    } else {
      const turned = rotated(image.data, image.size, angle);
      const found = await alongI(runners, task, { ...image, ...turned }, signal, progress);
      for (let v = 0; v < found.length; v++) found[v]! -= turned.data[v]!;
      const change = rotated(found, turned.size, -angle, image.size);
      for (let v = 0; v < change.data.length; v++) change.data[v]! += image.data[v]!;
      results.push(change.data);
    }
  }
  return results;
}

/** Planes of i and k. */
async function alongI(
  runners: SliceRunners,
  task: Task,
  { data, size: [ni, nj, nk] }: ImageVolume,
  signal: AbortSignal | undefined,
  onProgress: (share: number) => void,
): Promise<Float32Array> {
  const runner = await runners.open(task, nk, ni);
  const out = new Float32Array(data.length);
  const plane = nk * ni;
  const input = new Float32Array(runner.slices * plane);
  try {
    for (let from = 0; from < nj; from += runner.slices) {
      signal?.throwIfAborted();
      onProgress(from / nj);
      const count = Math.min(runner.slices, nj - from);
      for (let s = 0; s < count; s++)
        for (let k = 0; k < nk; k++) {
          const at = (k * nj + from + s) * ni;
          input.set(data.subarray(at, at + ni), s * plane + k * ni);
        }
      const found = await runner.run(input);
      for (let s = 0; s < count; s++)
        for (let k = 0; k < nk; k++)
          out.set(found.subarray(s * plane + k * ni, s * plane + (k + 1) * ni), (k * nj + from + s) * ni);
    }
  } finally {
    await runner.close();
  }
  onProgress(1);
  return out;
}

interface Turned {
  readonly data: Float32Array;
  readonly size: Size3;
}

/** i and j exchanged. */
function transposed(data: Float32Array, [ni, nj, nk]: Size3): Turned {
  const out = new Float32Array(data.length);
  let to = 0;
  for (let k = 0; k < nk; k++)
    for (let i = 0; i < ni; i++)
      for (let j = 0, from = k * ni * nj + i; j < nj; j++, from += ni) out[to++] = data[from]!;
  return { data: out, size: [nj, ni, nk] };
}

/**
 * Every plane of i and j turned about its middle by an angle in right angles; all of it, or as much as a size says. Beyond
 * the border the edge value goes on.
 */
function rotated(data: Float32Array, [ni, nj, nk]: Size3, angle: number, size?: Size3): Turned {
  const [cos, sin] = [Math.cos((angle * Math.PI) / 2), Math.sin((angle * Math.PI) / 2)];
  const [mi, mj] = size ?? [
    Math.ceil(Math.abs(ni * cos) + Math.abs(nj * sin)),
    Math.ceil(Math.abs(ni * sin) + Math.abs(nj * cos)),
  ];
  const out = new Float32Array(mi * mj * nk);
  const [wx, wy] = [new Float64Array(4), new Float64Array(4)];
  const [ix, iy] = [new Int32Array(4), new Int32Array(4)];
  for (let k = 0, to = 0; k < nk; k++) {
    const plane = splineCoefficients(data.subarray(k * ni * nj, (k + 1) * ni * nj), [ni, nj, 1]);
    for (let j = 0; j < mj; j++)
      for (let i = 0; i < mi; i++, to++) {
        const [u, v] = [i - (mi - 1) / 2, j - (mj - 1) / 2];
        const x = Math.min(ni - 1, Math.max(0, u * cos - v * sin + (ni - 1) / 2));
        const y = Math.min(nj - 1, Math.max(0, u * sin + v * cos + (nj - 1) / 2));
        splineWeightsAt(x, ni, wx, ix);
        splineWeightsAt(y, nj, wy, iy);
        let sum = 0;
        for (let b = 0; b < 4; b++) {
          const line = iy[b]! * ni;
          for (let a = 0; a < 4; a++) sum += wy[b]! * wx[a]! * plane[line + ix[a]!]!;
        }
        out[to] = sum;
      }
  }
  return { data: out, size: [mi, mj, nk] };
}
