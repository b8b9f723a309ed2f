import { baseName, joinPath } from "../../io/files.js";
import { nodeFiles, readVolume } from "../../io/node.js";
import { cropOrPad } from "../../volume/crop.js";
import { percentiles } from "../../volume/intensity.js";
import { toCanonical } from "../../volume/orient.js";
import { type ImageVolume, type LabelVolume, type Size3, voxelCount } from "../../volume/volume.js";
import { trainingScans } from "./plan.js";
import type { TestHead } from "./score.js";
import type { RepeatedScan } from "./trial.js";

/** Where real scans lie in a folder of data. */
const testHead = "t1-head/chris_t1.nii.gz";
const repeated = "repeat-scans/niivue_pcasl.nii.gz";

/** The middle of a head that is looked at, voxels along each axis: the classic methods take long. */
const middle = 96;

/** Real scans to learn from and to be judged on; empty where the folder does not hold them. */
export interface RealScans {
  readonly training: readonly { readonly id: string; readonly image: ImageVolume }[];
  readonly heads: readonly TestHead[];
  readonly repeats: readonly RepeatedScan[];
}

/** Read the real scans that are there. */
export async function realScans(folder: string | undefined): Promise<RealScans> {
  const none: RealScans = { training: [], heads: [], repeats: [] };
  if (folder === undefined) return none;
  const there: string[] = [];
  for (const path of [testHead, repeated, ...trainingScans]) {
    const entries = await nodeFiles.list(joinPath(folder, path.slice(0, path.lastIndexOf("/"))));
    if (entries?.some(({ name }) => name === baseName(path))) there.push(path);
  }
  const read = async (path: string): Promise<ImageVolume> => {
    const { volume } = await readVolume(joinPath(folder, path), { as: "float32" });
    return toCanonical(volume as ImageVolume).volume;
  };
  const idOf = (path: string): string => path.replace(/\.nii\.gz$/, "");
  const clean = await Promise.all(
    trainingScans
      .filter((path) => there.includes(path))
      .map(async (path) => ({ id: idOf(path), image: await read(path) })),
  );
  const heads = there.includes(testHead) ? [withMask(idOf(testHead), middleOf(await read(testHead)))] : [];
  return {
    training: clean,
    heads,
    repeats: there.includes(repeated) ? repeatsOf(idOf(repeated), await read(repeated)) : [],
  };
}

function middleOf(image: ImageVolume): ImageVolume {
  const size = image.size.map((extent) => Math.min(extent, middle)) as [number, number, number];
  const start = image.size.map((extent, axis) => (extent - size[axis]!) >> 1) as [number, number, number];
  return cropOrPad(image, { start, size });
}

/** What is brighter than air, a tenth of the bright end, in place of a brain mask. */
function withMask(id: string, image: ImageVolume): TestHead {
  const [bright] = percentiles(image.data, [99.5]);
  const labels: LabelVolume = {
    ...image,
    data: Uint8Array.from(image.data, (x) => (x > 0.1 * bright! ? 1 : 0)),
  };
  return { id, image, labels };
}

/**
 * Every second volume of a series that takes turns between two kinds, as arterial spin labelling does: each beside the
 * mean of the others of its kind, which has noise as well, but none of its own. How strong the noise is, the others'
 * differences say: in voxels of 3 x 3 x 6 mm fine anatomy would be taken for noise.
 */
function repeatsOf(id: string, series: ImageVolume): RepeatedScan[] {
  const kept = Array.from({ length: series.channels >> 1 }, (_, n) => 2 * n);
  return kept.map((own, n): RepeatedScan => {
    const others = kept.filter((volume) => volume !== own).map((volume) => volumeOf(series, volume).data);
    const image = volumeOf(series, own);
    const mean = image.data.map((_, v) => others.reduce((sum, other) => sum + other[v]!, 0) / others.length);
    const head = withMask(`${id}, repetition ${n + 1}`, { ...image, data: mean });
    return { head, scan: { image, sigma: noiseBetween(others, head.labels.data) } };
  });
}

/** Standard deviation of the noise, from the median difference of neighbours in a row of scans, where it is brighter than air. */
function noiseBetween(scans: readonly Float32Array[], inside: LabelVolume["data"]): number {
  const differences: number[] = [];
  for (let n = 1; n < scans.length; n++)
    for (let v = 0; v < inside.length; v++)
      if (inside[v] === 1) differences.push(Math.abs(scans[n]![v]! - scans[n - 1]![v]!));
  const [middle] = percentiles(Float32Array.from(differences), [50]);
  // The median of |x| of a normal x is 0.6745 standard deviations, and a difference has the noise of two.
  return middle! / (0.6745 * Math.SQRT2);
}

function volumeOf(series: ImageVolume, n: number): ImageVolume {
  const count = voxelCount(series.size as Size3);
  return { ...series, channels: 1, data: series.data.slice(n * count, (n + 1) * count) };
}
