import type { VoxelArray } from "./volume.js";

/** A new array of zeros of the same element type. */
export function makeLike<T extends VoxelArray>(data: T, length: number): T {
  const Same = data.constructor as new (length: number) => T;
  return new Same(length);
}
