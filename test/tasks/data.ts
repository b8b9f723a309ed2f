import { mkdir, writeFile } from "node:fs/promises";
import { rng } from "../../src/core/rng.js";
import { encodeModel } from "../../src/graph/onnx/model.js";
import { program } from "../../src/graph/program.js";
import { writeVolume } from "../../src/io/node.js";
import { lower } from "../../src/lower/lower.js";
import { portable } from "../../src/lower/portable.js";
import { mul, sigmoid, sub } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { concat } from "../../src/ops/move.js";
import type { SegmentationModel } from "../../src/tasks/segmentation/run.js";
import { scalingAffine } from "../../src/volume/affine.js";
import type { Grid, Size3 } from "../../src/volume/volume.js";

export interface Sample {
  readonly image: Float32Array;
  readonly label: Uint8Array;
  readonly grid: Grid;
}

/** A bright ball somewhere in noise, labelled 1, as a brain structure is in a scan. */
export function ball(seed: number | string, size: Size3 = [16, 16, 16]): Sample {
  const random = rng(seed);
  const middle = size.map((n) => random.between(0.4, 0.6) * (n - 1));
  const radius = random.between(0.22, 0.3) * Math.min(...size.filter((n) => n > 1));
  const count = size[0] * size[1] * size[2];
  const [image, label] = [new Float32Array(count), new Uint8Array(count)];
  for (let at = 0; at < count; at++) {
    const place = [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))];
    const distance = Math.hypot(...place.map((x, axis) => x - middle[axis]!));
    label[at] = distance <= radius ? 1 : 0;
    image[at] = 100 + 60 * label[at]! + 12 * random.normal();
  }
  return { image, label, grid: { size, affine: scalingAffine([1, 1, 1], [-8, -8, -8]) } };
}

export interface DataSetChanges {
  readonly cases?: number;
  readonly size?: Size3;
  /** Change a case before it is written. */
  readonly change?: (sample: Sample, at: number) => Partial<WrittenSample>;
}

interface WrittenSample {
  readonly image: Float32Array;
  readonly imageChannels: number;
  readonly label: Float32Array | Uint8Array;
  readonly labelGrid: Grid;
}

/** A Decathlon data set of balls in `folder`, named `ball-0`, `ball-1` and so on. */
export async function writeBalls(folder: string, changes: DataSetChanges = {}): Promise<string> {
  const { cases = 4, size = [16, 16, 16], change } = changes;
  await mkdir(`${folder}/imagesTr`, { recursive: true });
  await mkdir(`${folder}/labelsTr`, { recursive: true });
  const training: object[] = [];
  for (let at = 0; at < cases; at++) {
    const sample = ball(`ball ${at}`, size);
    const written = change?.(sample, at) ?? {};
    const {
      image = sample.image,
      imageChannels = 1,
      label = sample.label,
      labelGrid = sample.grid,
    } = written;
    const name = `ball-${at}.nii.gz`;
    const options = { nonFinite: "keep" } as const;
    await writeVolume(
      `${folder}/imagesTr/${name}`,
      { data: image, channels: imageChannels, ...sample.grid },
      options,
    );
    await writeVolume(`${folder}/labelsTr/${name}`, { data: label, channels: 1, ...labelGrid }, options);
    training.push({ image: `./imagesTr/${name}`, label: `./labelsTr/${name}` });
  }
  const description = {
    name: "Balls",
    modality: { 0: "T1" },
    labels: { 0: "background", 1: "ball" },
    tensorImageSize: "3D",
    training,
  };
  await writeFile(`${folder}/dataset.json`, JSON.stringify(description));
  return folder;
}

/** Settings that make a run quick: a preset of any segmenting system with a narrow network. */
export const quick: Readonly<Record<string, string>> = {
  "network.widths": "4,8",
  patch: "16,16,16",
  augmentation: "none",
  validations: "2",
};

/**
 * An exported model that needs no training: after scaling to [0, 1] the probability of class 1 is that a voxel lies
 * above `threshold`, sharply.
 */
export function thresholdModel(
  changes: Partial<SegmentationModel> = {},
  threshold = 0.5,
): Uint8Array<ArrayBufferLike> {
  const model: SegmentationModel = {
    system: "segment-unet",
    preset: "tiny",
    task: "segmentation",
    dimensions: 3,
    channels: ["T1"],
    background: "background",
    labels: [{ value: 1, name: "bright" }],
    labelValues: [0, 1],
    patch: [8, 8, 8],
    margin: [0, 0, 0],
    preparation: { normalization: "minmax", spacingMm: null },
    overlap: 0.5,
    mirrorAxes: [0, 1, 2],
    simulated: true,
    ...changes,
  };
  const [i, j, k] = model.patch;
  const image = input("image", model.dimensions === 3 ? [1, 1, k, j, i] : [1, 1, j, i]);
  const bright = sigmoid(mul(sub(image, threshold), 200));
  const probabilities = concat([sub(1, bright), bright], 1);
  const lowered = lower(program({ probabilities }), portable);
  return encodeModel({ ...lowered.model, metadata: { gyrus: JSON.stringify(model) } });
}
