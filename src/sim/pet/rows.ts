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
