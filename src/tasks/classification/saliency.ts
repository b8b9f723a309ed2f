import { tensor } from "../../core/tensor.js";
import type { Executable } from "../../runtime/engine.js";
import { resizeChannel } from "../../volume/resize.js";
import { type ImageVolume, type Size3, voxelCount } from "../../volume/volume.js";
import { type Classifier, probabilitiesOf, samplesAtOnce, viewsInGroups } from "./apply.js";
import type { ClassificationModel } from "./run.js";
import { vote } from "./vote.js";

/**
 * How much each voxel moves the decision: the absolute gradient of the positive class's logit less the negative one's,
 * summed over positions by their votes. Simonyan et al. 2013, arXiv 1312.6034. On the prepared image's grid; `executable`
 * runs `saliencyProgram`.
 */
export async function gradientMap(
  executable: Executable,
  model: ClassificationModel,
  image: ImageVolume,
): Promise<Float32Array> {
  const found = new Float32Array(voxelCount(image.size));
  const shape = [samplesAtOnce(model), ...model.shape];
  const channels = model.shape[0]!;
  for (const { first, count, data } of viewsInGroups(image, model)) {
    const { gradient } = await executable.run({ image: tensor("float32", shape, data) });
    const all = gradient!.data as Float32Array;
    const each = all.length / shape[0]!;
    for (let n = 0; n < count; n++) {
      const { start, size } = model.positions[first + n]!;
      const seen = new Float32Array(each / channels);
      for (let channel = 0; channel < channels; channel++)
        for (let v = 0; v < seen.length; v++)
          seen[v]! += Math.abs(all[n * each + channel * seen.length + v]!);
      const own = model.resized === null ? seen : resizeChannel(seen, model.resized, size, [1, 1, 1]);
      addBox(found, image.size, own, start, size, model.votes[first + n]!);
    }
  }
  return found;
}

/** Add a box of values to a map; what lies outside the map is left out. */
function addBox(
  map: Float32Array,
  [ni, nj, nk]: Size3,
  values: Float32Array,
  [i0, j0, k0]: Size3,
  [si, sj, sk]: Size3,
  weight: number,
): void {
  for (let k = Math.max(0, -k0); k < Math.min(sk, nk - k0); k++)
    for (let j = Math.max(0, -j0); j < Math.min(sj, nj - j0); j++)
      for (let i = Math.max(0, -i0); i < Math.min(si, ni - i0); i++)
        map[((k + k0) * nj + j + j0) * ni + i + i0]! += weight * values[(k * sj + j) * si + i]!;
}

/** How an image is occluded. */
export interface Occlusion {
  /** Voxels along i, j, k of the box that is slid over the image. */
  readonly box: Size3;
  /** Voxels from one place to the next. */
  readonly step: Size3;
}

/** Boxes of a seventh or so of each extent, each overlapping the next one by half where that is not too many. */
export function occlusionFor(size: Size3, most = 250): Occlusion {
  const box = size.map((extent) => Math.max(1, Math.min(extent, Math.round(extent / 7), 7))) as [
    number,
    number,
    number,
  ];
  let step: [number, number, number] = box.map((extent) => Math.max(1, Math.ceil(extent / 2))) as [
    number,
    number,
    number,
  ];
  const places = (by: Size3): number =>
    size.reduce((product, extent, axis) => product * Math.ceil((extent - box[axis]!) / by[axis]! + 1), 1);
  while (places(step) > most) step = step.map((extent) => Math.ceil(extent * 1.3)) as typeof step;
  return { box: box.map((extent, axis) => Math.max(extent, step[axis]!)) as [number, number, number], step };
}

/**
 * How much probability of the right class is lost where a box of the image is replaced by the image's mean; a voxel has
 * the mean of the boxes that cover it. Zeiler & Fergus, ECCV 2014; Korolev et al. 2017 look at their networks so.
 */
export async function occlusionMap(
  classifier: Classifier,
  image: ImageVolume,
  positive: boolean,
  { box, step }: Occlusion,
): Promise<Float32Array> {
  const { votes } = classifier.model;
  const right = async (seen: ImageVolume): Promise<number> => {
    const p = vote(await probabilitiesOf(classifier, seen), votes);
    return positive ? p : 1 - p;
  };
  const whole = await right(image);
  const filling = image.data.reduce((a, b) => a + b, 0) / image.data.length;
  const [sum, count] = [new Float32Array(image.data.length), new Float32Array(image.data.length)];
  const ones = new Float32Array(voxelCount(box)).fill(1);
  for (const start of placesOf(image.size, box, step)) {
    const data = image.data.slice();
    fillBox(data, image.size, start, box, filling);
    const lost = whole - (await right({ ...image, data }));
    addBox(sum, image.size, ones, start, box, lost);
    addBox(count, image.size, ones, start, box, 1);
  }
  return sum.map((value, v) => (count[v]! > 0 ? value / count[v]! : 0));
}

function placesOf(size: Size3, box: Size3, step: Size3): Size3[] {
  const along = size.map((extent, axis) => {
    const last = Math.max(0, extent - box[axis]!);
    const count = Math.ceil(last / step[axis]!);
    return Array.from({ length: count + 1 }, (_, n) => Math.min(last, n * step[axis]!));
  }) as [number[], number[], number[]];
  return along[2].flatMap((k) => along[1].flatMap((j) => along[0].map((i): Size3 => [i, j, k])));
}

function fillBox(
  data: Float32Array,
  [ni, nj]: Size3,
  [i0, j0, k0]: Size3,
  [si, sj, sk]: Size3,
  value: number,
): void {
  for (let k = k0; k < k0 + sk; k++)
    for (let j = j0; j < j0 + sj; j++) {
      const row = (k * nj + j) * ni + i0;
      data.fill(value, row, row + si);
    }
}
