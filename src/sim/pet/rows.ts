import { type Kernels, kernelsOver } from "./kernels.js";

interface Workspace {
  readonly kernels: Kernels;
  readonly line: Float32Array;
  readonly taps: Float32Array;
  readonly result: Float32Array;
}

/** The last few: reconstructions ask for the same ones over and over. */
const workspaces = new Map<string, Workspace>();

/**
 * Every row of `length` numbers convolved with symmetric weights by lag, from 0 up, with nothing outside of the row; in
 * float32.
 */
export function convolveRows(rows: Float32Array, length: number, weights: Float64Array): Float32Array {
  const reach = weights.length - 1;
  const { kernels, line, taps, result } = workspaceFor(length, reach);
  for (let n = -reach; n <= reach; n++) taps[n + reach] = weights[Math.abs(n)]!;
  const out = new Float32Array(rows.length);
  for (let from = 0; from < rows.length; from += length) {
    for (let n = 0; n < length; n++) line[reach + n] = rows[from + n]!;
    kernels.cast(line.byteOffset, taps.byteOffset, result.byteOffset, length, taps.length, 4);
    out.set(result, from);
  }
  return out;
}

/** A row with zeros on both sides; taps in fours, the last of which are 0. */
function workspaceFor(length: number, reach: number): Workspace {
  const key = `${length} ${reach}`;
  const known = workspaces.get(key);
  if (known !== undefined) return known;
  const taps = 4 * Math.ceil((2 * reach + 1) / 4);
  const padded = 4 * Math.ceil((length + taps) / 4);
  const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * (padded + taps + length)) / 65536) });
  const made: Workspace = {
    kernels: kernelsOver(memory),
    line: new Float32Array(memory.buffer, 0, padded),
    taps: new Float32Array(memory.buffer, 4 * padded, taps),
    result: new Float32Array(memory.buffer, 4 * (padded + taps), length),
  };
  if (workspaces.size >= 16) workspaces.clear();
  workspaces.set(key, made);
  return made;
}

interface Plane {
  readonly kernels: Kernels;
  readonly padded: Float32Array;
  readonly across: Float32Array;
  readonly result: Float32Array;
  readonly taps: Float32Array;
  readonly pitch: number;
}

const planes = new Map<string, Plane>();

/**
 * An image, rows of length `width`, convolved along rows and columns with the same symmetric weights by lag, with
 * nothing outside of it; in float32.
 */
export function convolvePlane(image: Float32Array, width: number, weights: Float64Array): Float32Array {
  const reach = weights.length - 1;
  const height = image.length / width;
  const { kernels, padded, across, result, taps, pitch } = planeFor(width, height, reach);
  for (let n = -reach; n <= reach; n++) taps[n + reach] = weights[Math.abs(n)]!;
  for (let j = 0; j < height; j++)
    padded.set(image.subarray(j * width, (j + 1) * width), (j + reach) * pitch + reach);
  const count = (height + 2 * reach) * pitch;
  kernels.filter(padded.byteOffset, taps.byteOffset, across.byteOffset, count, taps.length, 4);
  kernels.filter(
    across.byteOffset,
    taps.byteOffset,
    result.byteOffset,
    height * pitch,
    taps.length,
    4 * pitch,
  );
  const out = new Float32Array(image.length);
  for (let j = 0; j < height; j++) out.set(result.subarray(j * pitch, j * pitch + width), j * width);
  return out;
}

/** Rows apart by at least twice the reach, so that none sees its neighbour, with as many empty ones above and below. */
function planeFor(width: number, height: number, reach: number): Plane {
  const key = `${width} ${height} ${reach}`;
  const known = planes.get(key);
  if (known !== undefined) return known;
  const pitch = 4 * Math.ceil((width + 2 * reach) / 4);
  const area = (height + 2 * reach) * pitch;
  const taps = 2 * reach + 1;
  const behind = 4 * Math.ceil(taps / 4);
  const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * (3 * area + 2 * behind)) / 65536) });
  const made: Plane = {
    kernels: kernelsOver(memory),
    padded: new Float32Array(memory.buffer, 0, area + behind),
    across: new Float32Array(memory.buffer, 4 * (area + behind), area),
    result: new Float32Array(memory.buffer, 4 * (2 * area + behind), area),
    taps: new Float32Array(memory.buffer, 4 * (3 * area + behind), taps),
    pitch,
  };
  if (planes.size >= 16) planes.clear();
  planes.set(key, made);
  return made;
}
