import type { Size3 } from "./volume.js";

/** Samples of a Gaussian from -radius to radius, radius three sigmas rounded up, that sum to 1. */
export function gaussianKernel(sigma: number, radius = Math.ceil(3 * sigma)): Float64Array {
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, n) => {
    const x = (n - radius) / sigma;
    return Math.exp(-0.5 * x * x);
  });
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Convolve in place along one axis with odd, symmetric weights; edge voxels are repeated. */
export function convolveAlong(
  data: Float32Array | Float64Array,
  size: Size3,
  axis: number,
  weights: Float64Array,
): void {
  const length = size[axis]!;
  const stride = axis === 0 ? 1 : axis === 1 ? size[0] : size[0] * size[1];
  const radius = (weights.length - 1) / 2;
  const block = length * stride;
  const source = new Float64Array(block + 2 * radius * stride);
  for (let outer = 0; outer < data.length; outer += block) {
    source.set(data.subarray(outer, outer + block), radius * stride);
    for (let n = 0; n < radius; n++) {
      source.copyWithin(n * stride, radius * stride, (radius + 1) * stride);
      source.copyWithin(
        (radius + length + n) * stride,
        (radius + length - 1) * stride,
        (radius + length) * stride,
      );
    }
    // Neighbours along the axis lie one stride apart, so every tap runs along contiguous memory.
    convolveBlock(source, data.subarray(outer, outer + block), stride, weights);
  }
}

function convolveBlock(
  source: Float64Array,
  to: Float32Array | Float64Array,
  stride: number,
  weights: Float64Array,
): void {
  const radius = (weights.length - 1) / 2;
  const middle = weights[radius]!;
  for (let v = 0; v < to.length; v++) {
    const centre = v + radius * stride;
    let sum = middle * source[centre]!;
    for (let r = 1, away = stride; r <= radius; r++, away += stride)
      sum += weights[radius + r]! * (source[centre - away]! + source[centre + away]!);
    to[v] = sum;
  }
}
