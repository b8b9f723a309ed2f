import { spacingMm } from "../volume/affine.js";
import type { ImageVolume } from "../volume/volume.js";
import { cubeStarts, type StageResult } from "./bm4d/stage.js";
import { type Crew, inOrder, slabsOf } from "./crew.js";
import { gaussianFilter } from "./gaussian.js";
import { evenRadius } from "./options.js";
import { momenta } from "./tv.js";

/** How far a filter is: from 0 to 1. */
export type Report = (fraction: number) => void;

/** Planes that one task of the median and of non-local means computes. */
const slabPlanes = 8;

/** Gaussian filter; noise of standard deviation 1. */
export async function gaussian(
  image: ImageVolume,
  report: Report,
  widthMm: number | undefined,
): Promise<Float32Array> {
  return gaussianFilter(image, widthMm, (done, total) => report(done / total)).data;
}

/** Median of 27 voxels. */
export async function median({ data, size }: ImageVolume, crew: Crew, report: Report): Promise<Float32Array> {
  const out = crew.floats(data.length);
  const workers = await crew.open("median", { source: shared(crew, data), out, size });
  const slabs = slabsOf(size[2], slabPlanes);
  try {
    await inOrder(workers, crew.threads, slabs, (_, n) => report((n + 1) / slabs.length));
  } finally {
    await workers.close();
  }
  return out;
}

/** Iterations after which total variation has converged to a thousandth of the noise. */
const tvIterations = 40;

/** Total variation; `strength` in units of the noise, whose standard deviation is 1. */
export async function totalVariation(
  { data, size, affine }: ImageVolume,
  crew: Crew,
  report: Report,
  strength: number,
): Promise<Float32Array> {
  const spacing = spacingMm(affine);
  const finest = Math.min(...spacing);
  const out = crew.floats(data.length);
  const workers = await crew.open("tv", {
    source: shared(crew, data),
    out,
    dual: crew.floats(3 * data.length),
    ahead: crew.floats(3 * data.length),
    size,
    strength,
    axisWeights: [finest / spacing[0], finest / spacing[1], finest / spacing[2]],
  });
  const slabs = slabsOf(size[2], Math.ceil(size[2] / crew.threads));
  const steps = momenta(tvIterations);
  try {
    for (const [n, momentum] of steps.entries()) {
      for (const half of ["image", "dual"] as const)
        await Promise.all(slabs.map((slab) => workers.run({ ...slab, half, momentum })));
      report((n + 1) / (steps.length + 1));
    }
    await Promise.all(slabs.map((slab) => workers.run({ ...slab, half: "image", momentum: 0 })));
  } finally {
    await workers.close();
  }
  return out;
}

/** Non-local means of `values` with weights from `guide`, whose noise has standard deviation 1. */
export async function nonLocalMeans(
  guide: ImageVolume,
  values: Float32Array,
  crew: Crew,
  report: Report,
  { radius, beta }: { readonly radius: number; readonly beta: number },
): Promise<Float32Array> {
  const { size } = guide;
  const out = crew.floats(values.length);
  const workers = await crew.open("nlm", {
    guide: shared(crew, guide.data),
    values: shared(crew, values),
    out,
    size,
    searchRadius: evenRadius(guide, radius),
    beta,
  });
  const slabs = slabsOf(size[2], slabPlanes);
  try {
    await inOrder(workers, crew.threads, slabs, (_, n) => report((n + 1) / slabs.length));
  } finally {
    await workers.close();
  }
  return out;
}

/** Planes of cubes that one task of BM4D goes through: its sums reach as far again to either side. */
const startsPerTask = 4;

/** Block matching, both stages; noise of standard deviation 1. */
export async function blockMatching(
  image: ImageVolume,
  crew: Crew,
  report: Report,
  radius: number,
): Promise<Float32Array> {
  const noisy = shared(crew, image.data);
  const searchRadius = evenRadius(image, radius);
  const stage = async (basic: Float32Array | undefined): Promise<Float32Array> => {
    const matching =
      basic === undefined
        ? { searchRadius, largest: 16, farthest: 64 * 16 }
        : { searchRadius, largest: 32, farthest: 64 * 4 };
    const workers = await crew.open("bm4d", {
      noisy,
      ...(basic === undefined ? {} : { basic }),
      size: image.size,
      matching,
      threshold: 2.7,
    });
    const starts = cubeStarts(image.size[2]);
    const tasks = slabsOf(starts.length, startsPerTask).map(({ from, to }) => ({
      starts: starts.slice(from, to),
    }));
    const sums = crew.floats(noisy.length);
    const weights = new Float32Array(noisy.length);
    const before = basic === undefined ? 0 : 0.5;
    try {
      await inOrder(workers, crew.threads, tasks, (result, n) => {
        gather(result, image.size[0] * image.size[1], sums, weights);
        report(before + (n + 1) / tasks.length / 2);
      });
    } finally {
      await workers.close();
    }
    for (let v = 0; v < sums.length; v++) sums[v]! /= weights[v]!;
    return sums;
  };
  return stage(await stage(undefined));
}

function gather(
  { from, sums, weights }: StageResult,
  plane: number,
  allSums: Float32Array,
  allWeights: Float32Array,
): void {
  for (let v = 0, to = from * plane; v < sums.length; v++, to++) {
    allSums[to] = allSums[to]! + sums[v]!;
    allWeights[to] = allWeights[to]! + weights[v]!;
  }
}

function shared(crew: Crew, data: Float32Array): Float32Array {
  const copy = crew.floats(data.length);
  copy.set(data);
  return copy;
}
