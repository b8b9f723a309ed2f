/**
 * Orthonormal transforms of stacks of cubes of 4³ voxels: the discrete cosine transform within a cube, Haar's across
 * the stack. In place; a stack of n cubes is `[n, 4, 4, 4]`, n a power of two.
 */

/** Voxels of a cube, and its side. */
export const cubeVoxels = 64;
export const cubeSide = 4;

/** √2·cos(π/8)/2 and √2·sin(π/8)/2: the odd rows of the cosine transform of four samples. */
const odd = Math.cos(Math.PI / 8) * Math.SQRT1_2;
const odder = Math.sin(Math.PI / 8) * Math.SQRT1_2;

/** The cosine transform (DCT-II) of one cube that begins at `base`, along all three axes. */
export function cosineCube(x: Float32Array, base: number): void {
  for (let stride = 1; stride <= 16; stride *= 4)
    for (let line = 0; line < 16; line++) {
      const a = base + lineStart(line, stride);
      const b = a + stride;
      const c = b + stride;
      const d = c + stride;
      const outer = x[a]! + x[d]!;
      const inner = x[b]! + x[c]!;
      const far = x[a]! - x[d]!;
      const near = x[b]! - x[c]!;
      x[a] = 0.5 * (outer + inner);
      x[b] = odd * far + odder * near;
      x[c] = 0.5 * (outer - inner);
      x[d] = odder * far - odd * near;
    }
}

/** The inverse of `cosineCube`: its transpose. */
export function inverseCosineCube(x: Float32Array, base: number): void {
  for (let stride = 1; stride <= 16; stride *= 4)
    for (let line = 0; line < 16; line++) {
      const a = base + lineStart(line, stride);
      const b = a + stride;
      const c = b + stride;
      const d = c + stride;
      const outer = 0.5 * (x[a]! + x[c]!);
      const inner = 0.5 * (x[a]! - x[c]!);
      const far = odd * x[b]! + odder * x[d]!;
      const near = odder * x[b]! - odd * x[d]!;
      x[a] = outer + far;
      x[b] = inner + near;
      x[c] = inner - near;
      x[d] = outer - far;
    }
}

/** Where line 0 to 15 along the axis of this stride begins. */
function lineStart(line: number, stride: number): number {
  return stride === 1 ? line * 4 : stride === 4 ? (line >> 2) * 16 + (line & 3) : line;
}

/**
 * Haar's transform across a stack of `count` cubes, cube by cube: means to the front, differences behind, until one
 * mean is left. `spare` holds at least as much as the stack.
 */
export function haarStack(x: Float32Array, count: number, spare: Float32Array): void {
  for (let n = count; n > 1; n >>= 1) {
    const half = (n >> 1) * cubeVoxels;
    for (let pair = 0; pair < n >> 1; pair++) {
      const even = 2 * pair * cubeVoxels;
      const to = pair * cubeVoxels;
      for (let v = 0; v < cubeVoxels; v++) {
        const a = x[even + v]!;
        const b = x[even + cubeVoxels + v]!;
        spare[to + v] = (a + b) * Math.SQRT1_2;
        spare[half + to + v] = (a - b) * Math.SQRT1_2;
      }
    }
    for (let v = 0; v < 2 * half; v++) x[v] = spare[v]!;
  }
}

/** The inverse of `haarStack`. */
export function inverseHaarStack(x: Float32Array, count: number, spare: Float32Array): void {
  for (let n = 2; n <= count; n <<= 1) {
    const half = (n >> 1) * cubeVoxels;
    for (let pair = 0; pair < n >> 1; pair++) {
      const even = 2 * pair * cubeVoxels;
      const from = pair * cubeVoxels;
      for (let v = 0; v < cubeVoxels; v++) {
        const mean = x[from + v]!;
        const difference = x[half + from + v]!;
        spare[even + v] = (mean + difference) * Math.SQRT1_2;
        spare[even + cubeVoxels + v] = (mean - difference) * Math.SQRT1_2;
      }
    }
    for (let v = 0; v < 2 * half; v++) x[v] = spare[v]!;
  }
}
