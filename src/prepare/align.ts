/** Images brought to a template's grid through a transform, and how well they lie on it. */
import { applyAffine, multiplyAffines, type Point3, scalingAffine, spacingMm } from "../volume/affine.js";
import { convolveAlong, gaussianKernel } from "../volume/gaussian.js";
import { resampleTo } from "../volume/resample.js";
import type { Affine, Grid, ImageVolume, Size3 } from "../volume/volume.js";

/** A threshold between background and head: Otsu's, on a histogram of 128 bins up to the 99.5th percentile. */
export function headThreshold(image: Pick<ImageVolume, "data">): number {
  const { data } = image;
  const sorted = Float32Array.from(data.length > 200_000 ? data.filter((_, v) => v % 7 === 0) : data).sort();
  const [low, high] = [sorted[0]!, sorted[Math.floor(0.995 * (sorted.length - 1))]!];
  if (!(high > low)) return low;
  const bins = new Float64Array(128);
  for (let v = 0; v < sorted.length; v++) {
    const at = Math.min(127, Math.floor((128 * (sorted[v]! - low)) / (high - low)));
    bins[at] = bins[at]! + 1;
  }
  let [total, weighted] = [0, 0];
  bins.forEach((n, at) => {
    total += n;
    weighted += n * at;
  });
  let [below, sum, best, first, last] = [0, 0, -1, 0, 0];
  for (let at = 0; at < 127; at++) {
    below += bins[at]!;
    sum += bins[at]! * at;
    if (below === 0 || below === total) continue;
    const apart = sum / below - (weighted - sum) / (total - below);
    const between = below * (total - below) * apart * apart;
    if (between > best * (1 + 1e-9)) [best, first] = [between, at + 1];
    if (between >= best * (1 - 1e-9)) last = at + 1;
  }
  // Where nothing lies between background and head, any threshold there is as good: the middle is the safest.
  const threshold = (first + last) / 2;
  return low + ((high - low) * threshold) / 128;
}

/** Centre of what is brighter than the background, every voxel counting alike; world millimetres. */
export function centreOfMassMm(image: ImageVolume): Point3 {
  const { data, size } = image;
  const threshold = headThreshold(image);
  let [n, si, sj, sk] = [0, 0, 0, 0];
  let v = 0;
  for (let k = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, v++) {
        if (data[v]! <= threshold) continue;
        n++;
        si += i;
        sj += j;
        sk += k;
      }
  const middle: Point3 =
    n === 0 ? [(size[0] - 1) / 2, (size[1] - 1) / 2, (size[2] - 1) / 2] : [si / n, sj / n, sk / n];
  return applyAffine(image.affine, middle);
}

/** A grid along the world's axes that covers an image, with cubes of about that size. */
export function coarseGrid({ size, affine }: Grid, spacing: number): Grid {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (const i of [0, size[0] - 1])
    for (const j of [0, size[1] - 1])
      for (const k of [0, size[2] - 1]) {
        const at = applyAffine(affine, [i, j, k]);
        for (let axis = 0; axis < 3; axis++) {
          low[axis] = Math.min(low[axis]!, at[axis]!);
          high[axis] = Math.max(high[axis]!, at[axis]!);
        }
      }
  const step = Math.max(spacing, Math.min(...spacingMm(affine)));
  return {
    size: low.map((mm, axis) => Math.max(1, Math.round((high[axis]! - mm) / step) + 1)) as unknown as Size3,
    affine: scalingAffine([step, step, step], low as unknown as Point3),
  };
}

/** A scan on the template's grid, given where the template's places lie in the scan; blurred first where it is finer. */
export function bringTo(scan: ImageVolume, grid: Grid, toScan: Affine): ImageVolume {
  const [fine, coarse] = [spacingMm(scan.affine), spacingMm(grid.affine)];
  const data = Float32Array.from(scan.data);
  for (let axis = 0; axis < 3; axis++) {
    // Sampled every d mm, an image may hold nothing finer: a blur as wide as the voxels makes up the difference.
    const sigma = Math.sqrt(Math.max(0, coarse[axis]! ** 2 - fine[axis]! ** 2)) / 2.3548 / fine[axis]!;
    if (sigma > 0.3 && scan.size[axis]! > 1)
      convolveAlong(data, scan.size, axis, gaussianKernel(sigma, Math.max(1, Math.ceil(3 * sigma))));
  }
  const seen = resampleTo(
    { ...scan, data },
    { size: grid.size, affine: multiplyAffines(toScan, grid.affine) },
    { order: "linear" },
  );
  return { ...seen, affine: grid.affine };
}

/** How well an image lies on the template. */
export interface AlignmentQuality {
  /** Pearson correlation with the template, where the template has signal. */
  readonly correlation: number;
  /** Dice overlap of what is brighter than the background in both. */
  readonly overlap: number;
}

/** Compare an image with the template on one grid. */
export function judgeAlignment(image: ImageVolume, template: ImageVolume): AlignmentQuality {
  const [a, b] = [image.data, template.data];
  const [ta, tb] = [headThreshold(image), headThreshold(template)];
  let [n, sa, sb, aa, bb, ab] = [0, 0, 0, 0, 0, 0];
  let [both, ina, inb] = [0, 0, 0];
  for (let v = 0; v < b.length; v++) {
    if (a[v]! > ta) ina++;
    if (b[v]! > tb) inb++;
    if (a[v]! > ta && b[v]! > tb) both++;
    if (!(b[v]! > tb * 0.25)) continue;
    n++;
    sa += a[v]!;
    sb += b[v]!;
    aa += a[v]! * a[v]!;
    bb += b[v]! * b[v]!;
    ab += a[v]! * b[v]!;
  }
  const covariance = ab - (sa * sb) / n;
  const spread = Math.sqrt(Math.max(0, aa - (sa * sa) / n) * Math.max(0, bb - (sb * sb) / n));
  return {
    correlation: spread > 0 ? covariance / spread : 0,
    overlap: ina + inb > 0 ? (2 * both) / (ina + inb) : 0,
  };
}
