import { fail } from "../core/errors.js";
import { invertAffine, multiplyAffines, showAffine } from "./affine.js";
import { weighAlong } from "./along.js";
import type { Grid, ImageVolume, Size3 } from "./volume.js";

/**
 * A volume's values on another grid with the same axes, by trigonometric interpolation: what padding k-space with
 * zeros gives, at any position and not only where the padded transform has voxels. Along an axis that becomes
 * coarser, frequencies beyond the new grid's Nyquist are left out.
 *
 * Sharp edges ring, and the image goes on periodically: its bottom follows its top. Throws `geometry` for a grid
 * whose axes are turned, which interpolation axis by axis cannot reach.
 */
export function resampleFourier(image: ImageVolume, grid: Grid): ImageVolume {
  const toSource = multiplyAffines(invertAffine(image.affine), grid.affine);
  requireParallel(toSource, image, grid);
  let { data, size } = image as { data: Float32Array; size: Size3 };
  for (const axis of [0, 1, 2] as const) {
    const [step, first] = [toSource[axis * 5]!, toSource[axis * 4 + 3]!];
    const same = Math.abs(step - 1) < 1e-7 && Math.abs(first) < 1e-6 && grid.size[axis] === image.size[axis];
    if (same) continue;
    const weights = trigonometricWeights(size[axis], grid.size[axis], first, step);
    data = weighAlong(data, size, axis, weights, grid.size[axis]);
    size = size.map((n, a) => (a === axis ? grid.size[axis] : n)) as unknown as Size3;
  }
  return {
    size: grid.size,
    affine: grid.affine,
    channels: 1,
    data: data === image.data ? data.slice() : data,
  };
}

/**
 * Rows of weights for positions `first + m · step` among `extent` periodic samples: Dirichlet's kernel, with the
 * Nyquist frequency of an even extent halved between both ends of the spectrum.
 */
function trigonometricWeights(extent: number, length: number, first: number, step: number): Float64Array {
  const weights = new Float64Array(length * extent);
  const nyquist = extent / 2;
  // Frequencies the new grid can carry, in cycles per field.
  const carried = Math.min(nyquist, nyquist / Math.abs(step));
  for (let m = 0; m < length; m++)
    for (let n = 0; n < extent; n++) {
      const phase = (2 * Math.PI * (first + m * step - n)) / extent;
      let sum = 1;
      for (let cycle = 1; cycle <= carried + 1e-9; cycle++)
        sum += (Math.abs(cycle - nyquist) < 1e-9 ? 1 : 2) * Math.cos(cycle * phase);
      weights[m * extent + n] = sum / extent;
    }
  return weights;
}

function requireParallel(toSource: readonly number[], image: ImageVolume, grid: Grid): void {
  const turned = [1, 2, 4, 6, 8, 9].some((at) => {
    const axis = at % 4;
    // What a step along another axis moves a position by, over the whole field, in voxels.
    return Math.abs(toSource[at]!) * grid.size[axis as 0 | 1 | 2] > 1e-3;
  });
  if (turned || image.channels !== 1)
    fail("geometry", {
      what: "zero padding in k-space keeps the axes of one 3-D image",
      expected: showAffine(image.affine),
      found: turned ? showAffine(grid.affine) : `${image.channels} channels`,
      fix: "Resample with cubic, or keep the image's axes",
    });
}
