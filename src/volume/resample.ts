import { fail } from "../core/errors.js";
import { applyAffine, invertAffine, multiplyAffines, type Point3, shiftOrigin, spacingMm } from "./affine.js";
import { splineCoefficients, splineWeightsAt } from "./bspline.js";
import type { Grid, LabelVolume, Size3, Volume, VoxelArray } from "./volume.js";
import { voxelCount } from "./volume.js";

export type ResampleOrder = "nearest" | "linear" | "cubic";

export interface ResampleOptions {
  readonly order?: ResampleOrder;
  /** Value of voxels whose centre lies outside the image; default 0. */
  readonly outside?: number;
}

/**
 * A volume's values at the voxel centres of another grid, matched in world space.
 *
 * `cubic` is the interpolating B-spline of order 3 with mirrored borders, as scipy's; it may overshoot the
 * range of the data. Between the outermost centres and the outer faces of the voxels the border value holds;
 * beyond the faces, `outside`. Nothing is smoothed first, so going to much larger voxels aliases.
 */
export function resampleTo(
  volume: Volume,
  grid: Grid,
  { order = "linear", outside = 0 }: ResampleOptions = {},
): Volume<Float32Array> {
  const out = new Float32Array(voxelCount(grid.size) * volume.channels);
  const sample = samplers[order];
  const toSource = multiplyAffines(invertAffine(volume.affine), grid.affine);
  for (let channel = 0; channel < volume.channels; channel++) {
    const count = voxelCount(volume.size);
    const source = volume.data.subarray(channel * count, (channel + 1) * count);
    const values = order === "cubic" ? splineCoefficients(source, volume.size) : source;
    const target = out.subarray(channel * voxelCount(grid.size), (channel + 1) * voxelCount(grid.size));
    sample(values, volume.size, target, grid.size, toSource, outside);
  }
  return { size: grid.size, affine: grid.affine, channels: volume.channels, data: out };
}

/**
 * A label map on another grid: the label of the nearest voxel, or with `vote` the label that most of the eight
 * surrounding voxels have, each weighing as in linear interpolation (smoother borders, no new labels).
 * Outside is background.
 */
export function resampleLabels(
  labels: LabelVolume,
  grid: Grid,
  { method = "nearest" }: { readonly method?: "nearest" | "vote" } = {},
): LabelVolume {
  const count = voxelCount(grid.size);
  const data = labels.data instanceof Uint8Array ? new Uint8Array(count) : new Uint16Array(count);
  const toSource = multiplyAffines(invertAffine(labels.affine), grid.affine);
  const sample = method === "vote" ? voteInto : nearestInto;
  sample(labels.data, labels.size, data, grid.size, toSource, 0);
  return { size: grid.size, affine: grid.affine, channels: 1, data };
}

/**
 * The grid that covers the same space with other voxels: same axes, same centre, as many voxels as come
 * closest to the same extent (at least one), or with `cover` as few as leave nothing of it out. An axis of one
 * voxel, as in a 2-D image, stays as it is.
 */
export function withSpacing(
  grid: Grid,
  spacing: Point3,
  { cover = false }: { readonly cover?: boolean } = {},
): Grid {
  if (spacing.some((mm) => !(mm > 0 && Number.isFinite(mm))))
    fail("bad-argument", {
      what: "a voxel size is not a length",
      expected: "three positive numbers in mm",
      found: spacing.join(", "),
    });
  const old = spacingMm(grid.affine);
  const flat = (axis: number) => grid.size[axis] === 1;
  // Rounding noise of affines is no reason for one voxel more.
  const whole = (count: number) => (cover ? Math.ceil(count - 1e-4) : Math.round(count));
  const size = grid.size.map((n, axis) =>
    flat(axis) ? 1 : Math.max(1, whole((n * old[axis]!) / spacing[axis]!)),
  ) as unknown as Size3;
  const affine = [...grid.affine];
  for (let row = 0; row < 3; row++)
    for (let axis = 0; axis < 3; axis++)
      if (!flat(axis)) affine[row * 4 + axis] = (grid.affine[row * 4 + axis]! / old[axis]!) * spacing[axis]!;
  const middle = applyAffine(grid.affine, grid.size.map((n) => (n - 1) / 2) as unknown as Point3);
  [affine[3], affine[7], affine[11]] = middle;
  return { size, affine: shiftOrigin(affine, size.map((n) => -(n - 1) / 2) as unknown as Point3) };
}

type Sampler = (
  source: VoxelArray,
  size: Size3,
  target: VoxelArray,
  targetSize: Size3,
  toSource: readonly number[],
  outside: number,
) => void;

/** Rounding noise of affines must not push the outermost voxels of an identical grid outside. */
const edge = 0.5 + 1e-4;

/** Half-way goes to the higher voxel. Noise below a hundred-thousandth of a voxel must not decide that. */
const nearestInto: Sampler = (source, [ni, nj, nk], target, [mi, mj, mk], m, outside) => {
  let to = 0;
  for (let k = 0; k < mk; k++)
    for (let j = 0; j < mj; j++)
      for (let i = 0; i < mi; i++, to++) {
        const x = m[0]! * i + m[1]! * j + m[2]! * k + m[3]!;
        const y = m[4]! * i + m[5]! * j + m[6]! * k + m[7]!;
        const z = m[8]! * i + m[9]! * j + m[10]! * k + m[11]!;
        if (
          x < -edge ||
          y < -edge ||
          z < -edge ||
          x > ni - 1 + edge ||
          y > nj - 1 + edge ||
          z > nk - 1 + edge
        ) {
          target[to] = outside;
          continue;
        }
        const ii = Math.min(ni - 1, Math.max(0, Math.floor(x + 0.50001)));
        const jj = Math.min(nj - 1, Math.max(0, Math.floor(y + 0.50001)));
        const kk = Math.min(nk - 1, Math.max(0, Math.floor(z + 0.50001)));
        target[to] = source[(kk * nj + jj) * ni + ii]!;
      }
};

const linearInto: Sampler = (source, [ni, nj, nk], target, [mi, mj, mk], m, outside) => {
  let to = 0;
  for (let k = 0; k < mk; k++)
    for (let j = 0; j < mj; j++)
      for (let i = 0; i < mi; i++, to++) {
        const x = m[0]! * i + m[1]! * j + m[2]! * k + m[3]!;
        const y = m[4]! * i + m[5]! * j + m[6]! * k + m[7]!;
        const z = m[8]! * i + m[9]! * j + m[10]! * k + m[11]!;
        if (
          x < -edge ||
          y < -edge ||
          z < -edge ||
          x > ni - 1 + edge ||
          y > nj - 1 + edge ||
          z > nk - 1 + edge
        ) {
          target[to] = outside;
          continue;
        }
        const cx = Math.min(ni - 1, Math.max(0, x));
        const cy = Math.min(nj - 1, Math.max(0, y));
        const cz = Math.min(nk - 1, Math.max(0, z));
        const i0 = Math.floor(cx);
        const j0 = Math.floor(cy);
        const k0 = Math.floor(cz);
        const fx = cx - i0;
        const fy = cy - j0;
        const fz = cz - k0;
        // At the last voxel the fraction is 0, so the step may be 0 too.
        const si = i0 + 1 < ni ? 1 : 0;
        const sj = j0 + 1 < nj ? ni : 0;
        const sk = k0 + 1 < nk ? ni * nj : 0;
        const at = (k0 * nj + j0) * ni + i0;
        const near =
          (source[at]! * (1 - fx) + source[at + si]! * fx) * (1 - fy) +
          (source[at + sj]! * (1 - fx) + source[at + sj + si]! * fx) * fy;
        const far =
          (source[at + sk]! * (1 - fx) + source[at + sk + si]! * fx) * (1 - fy) +
          (source[at + sk + sj]! * (1 - fx) + source[at + sk + sj + si]! * fx) * fy;
        target[to] = near * (1 - fz) + far * fz;
      }
};

const cubicInto: Sampler = (coefficients, [ni, nj, nk], target, [mi, mj, mk], m, outside) => {
  const [wx, wy, wz] = [new Float64Array(4), new Float64Array(4), new Float64Array(4)];
  const [ix, iy, iz] = [new Int32Array(4), new Int32Array(4), new Int32Array(4)];
  let to = 0;
  for (let k = 0; k < mk; k++)
    for (let j = 0; j < mj; j++)
      for (let i = 0; i < mi; i++, to++) {
        const x = m[0]! * i + m[1]! * j + m[2]! * k + m[3]!;
        const y = m[4]! * i + m[5]! * j + m[6]! * k + m[7]!;
        const z = m[8]! * i + m[9]! * j + m[10]! * k + m[11]!;
        if (
          x < -edge ||
          y < -edge ||
          z < -edge ||
          x > ni - 1 + edge ||
          y > nj - 1 + edge ||
          z > nk - 1 + edge
        ) {
          target[to] = outside;
          continue;
        }
        splineWeightsAt(Math.min(ni - 1, Math.max(0, x)), ni, wx, ix);
        splineWeightsAt(Math.min(nj - 1, Math.max(0, y)), nj, wy, iy);
        splineWeightsAt(Math.min(nk - 1, Math.max(0, z)), nk, wz, iz);
        let sum = 0;
        for (let c = 0; c < 4; c++) {
          if (wz[c] === 0) continue;
          for (let b = 0; b < 4; b++) {
            const row = (iz[c]! * nj + iy[b]!) * ni;
            const line =
              wx[0]! * coefficients[row + ix[0]!]! +
              wx[1]! * coefficients[row + ix[1]!]! +
              wx[2]! * coefficients[row + ix[2]!]! +
              wx[3]! * coefficients[row + ix[3]!]!;
            sum += wz[c]! * wy[b]! * line;
          }
        }
        target[to] = sum;
      }
};

const voteInto: Sampler = (source, [ni, nj, nk], target, [mi, mj, mk], m, outside) => {
  const labels = new Float64Array(8);
  const weights = new Float64Array(8);
  let to = 0;
  for (let k = 0; k < mk; k++)
    for (let j = 0; j < mj; j++)
      for (let i = 0; i < mi; i++, to++) {
        const x = m[0]! * i + m[1]! * j + m[2]! * k + m[3]!;
        const y = m[4]! * i + m[5]! * j + m[6]! * k + m[7]!;
        const z = m[8]! * i + m[9]! * j + m[10]! * k + m[11]!;
        if (
          x < -edge ||
          y < -edge ||
          z < -edge ||
          x > ni - 1 + edge ||
          y > nj - 1 + edge ||
          z > nk - 1 + edge
        ) {
          target[to] = outside;
          continue;
        }
        let used = 0;
        for (let corner = 0; corner < 8; corner++) {
          const ii = Math.floor(x) + (corner & 1);
          const jj = Math.floor(y) + ((corner >> 1) & 1);
          const kk = Math.floor(z) + (corner >> 2);
          const weight = (1 - Math.abs(x - ii)) * (1 - Math.abs(y - jj)) * (1 - Math.abs(z - kk));
          if (weight === 0) continue;
          const ci = Math.min(ni - 1, Math.max(0, ii));
          const cj = Math.min(nj - 1, Math.max(0, jj));
          const ck = Math.min(nk - 1, Math.max(0, kk));
          const label = source[(ck * nj + cj) * ni + ci]!;
          let slot = 0;
          while (slot < used && labels[slot] !== label) slot++;
          if (slot === used) {
            labels[used] = label;
            weights[used++] = 0;
          }
          weights[slot]! += weight;
        }
        let best = 0;
        for (let slot = 1; slot < used; slot++) {
          const more = weights[slot]! - weights[best]!;
          if (more > 1e-9 || (more > -1e-9 && labels[slot]! < labels[best]!)) best = slot;
        }
        target[to] = labels[best]!;
      }
};

const samplers: Record<ResampleOrder, Sampler> = {
  nearest: nearestInto,
  linear: linearInto,
  cubic: cubicInto,
};
