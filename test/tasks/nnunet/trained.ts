import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rng } from "../../../src/core/rng.js";
import { floats, type Tensor } from "../../../src/core/tensor.js";
import { loadImage, nodeFiles, writeVolume } from "../../../src/io/node.js";
import { nodeCpu } from "../../../src/runtime/node.js";
import type { Experiment, Splits } from "../../../src/tasks/segmentation/nnunet/experiment.js";
import { encodeHeldOut } from "../../../src/tasks/segmentation/nnunet/held-out.js";
import { experimentPaths, foldPaths } from "../../../src/tasks/segmentation/nnunet/layout.js";
import { type NnunetModel, trainedConfiguration } from "../../../src/tasks/segmentation/nnunet/model.js";
import { encodeNetwork } from "../../../src/tasks/segmentation/nnunet/network.node.js";
import { openPredictor } from "../../../src/tasks/segmentation/nnunet/open.js";
import type { Configuration, ConfigurationName, Plan } from "../../../src/tasks/segmentation/nnunet/plan.js";
import { opinionsOn } from "../../../src/tasks/segmentation/nnunet/predict.js";
import { predictingProgram } from "../../../src/tasks/segmentation/nnunet/predicting.js";
import { scalingAffine } from "../../../src/volume/affine.js";
import type { Affine, ImageVolume, LabelVolume, Size3 } from "../../../src/volume/volume.js";

const common = {
  batch: 2,
  widths: [2],
  convolutionsPerStage: 1,
  batchDice: false,
  planarAugmentation: false,
  cost: 1,
  budget: 1,
  batchInMemory: 2,
};

function cube(spacing: number, patch: number): Configuration {
  return {
    ...common,
    dimensions: 3,
    spacingMm: [spacing, spacing, spacing],
    medianSize: [12, 12, 12],
    patch: [patch, patch, patch],
    strides: [[1, 1, 1]],
    kernels: [[1, 1, 1]],
  };
}

/** Two labels, stored as 3 and 7, of one channel; configurations of a single level that look at single voxels. */
export function voxelPlan(changes: Partial<Plan> = {}): Plan {
  return {
    format: "gyrus nnunet plan",
    version: 1,
    rules: "v2",
    memoryGb: 8,
    dataset: {
      name: "Levels",
      cases: 4,
      classes: ["background", "grey", "white"],
      regions: null,
      ignoredClass: null,
      labelValues: [0, 3, 7],
      medianSize: [12, 12, 12],
      medianSpacingMm: [1, 1, 1],
      spacingRangeMm: [
        [1, 1],
        [1, 1],
        [1, 1],
      ],
      medianRelativeSize: 1,
    },
    axes: [2, 1, 0],
    thickAxis: null,
    channels: [{ name: "T1", scheme: "none", withinMask: false, foreground: null }],
    resampling: { imageOrder: 3, labelOrder: 1, probabilityOrder: 1, separateAbove: 3 },
    configurations: {
      "2d": {
        ...common,
        dimensions: 2,
        spacingMm: [1, 1],
        medianSize: [12, 12],
        patch: [8, 8],
        strides: [[1, 1]],
        kernels: [[1, 1]],
      },
      "3d_lowres": cube(2, 6),
      "3d_fullres": cube(1, 8),
      "3d_cascade_fullres": { ...cube(1, 8), previous: "3d_lowres" },
    },
    ...changes,
  };
}

export function modelFor(configuration: ConfigurationName, plan: Plan = voxelPlan()): NnunetModel {
  return {
    system: "nnunet",
    preset: "tiny",
    task: "segmentation",
    method: "nnunet",
    configuration,
    plan,
    mirrorAxes:
      trainedConfiguration({ configuration, plan } as NnunetModel).dimensions === 3 ? [0, 1, 2] : [0, 1],
    overlap: 0.5,
    simulated: true,
  };
}

/**
 * Weights that tell levels of intensity apart: the mean of a window is background or grey, what is brighter is white;
 * regions are grey or brighter, and white. A cascade believes its coarser stage a little. Every seed is a little different.
 */
export function levelWeights(model: NnunetModel, seed: number): Record<string, Tensor> {
  const random = rng(seed).split("weights");
  const weights: Record<string, Tensor> = {};
  const classes = model.plan.dataset.regions === null;
  for (const [name, { shape }] of Object.entries(predictingProgram(model).inputs)) {
    if (name === "image") continue;
    const count = shape.reduce((a, b) => a * b, 1);
    const values = new Float32Array(count);
    if (/encoder0\.conv0\.weight$/.test(name))
      for (let at = 0; at < count; at++) values[at] = at % shape[1]! === 0 ? 1 : 0.05;
    else if (/scale$/.test(name)) values.fill(1);
    else if (/head\.weight$/.test(name))
      for (let k = 0; k < shape[0]!; k++)
        for (let c = 0; c < shape[1]!; c++) values[k * shape[1]! + c] = classes ? 2 * k : 2;
    else if (/head\.bias$/.test(name))
      for (let k = 0; k < count; k++)
        values[k] = (classes ? -1.2 * k * k : -1.2 - 2.4 * k) + 0.3 * random.normal();
    weights[name] = floats(shape, values);
  }
  return weights;
}

/** A fold's run folder as far as prediction looks at it. */
export async function writeFold(
  dir: string,
  model: NnunetModel,
  fold: number,
  seed = fold + 1,
): Promise<string> {
  const run = experimentPaths.fold(dir, model.configuration, fold);
  await mkdir(run, { recursive: true });
  const weights = levelWeights(model, seed);
  await writeFile(join(run, "model.onnx"), encodeNetwork(model, weights));
  await writeFile(join(run, "run.json"), JSON.stringify({ system: model.system, model }));
  return run;
}

/** The record of an experiment on `data`, its plan and its splits into two folds. */
export async function writeRecord(
  dir: string,
  data: string,
  plan: Plan,
  ids: readonly string[],
): Promise<void> {
  await mkdir(dir, { recursive: true });
  const folds = [0, 1].map((fold) => {
    const validation = ids.filter((_, at) => at % 2 === fold);
    const train = ids.filter((_, at) => at % 2 !== fold);
    return { train, validation, subjects: { train, validation } };
  });
  const record = {
    format: "gyrus nnunet experiment",
    version: 1,
    gyrus: "0.1.0",
    system: "nnunet",
    created: "2026-01-01",
    folds: 2,
    splitSeed: 12345,
    data: {
      root: data,
      options: {},
      kind: "msd",
      name: plan.dataset.name,
      cases: ids.length,
      subjects: ids.length,
      stack: false,
      sha256: "",
      spacingsMm: "1 x 1 x 1",
      sizes: "12 x 12 x 12",
      simulated: true,
    },
    notes: [],
  };
  await writeFile(experimentPaths.record(dir), JSON.stringify(record));
  await writeFile(experimentPaths.plan(dir), JSON.stringify(plan));
  await writeFile(experimentPaths.splits(dir), JSON.stringify({ by: "subject", seed: 12345, folds }));
}

/** A head of three levels with noise: a grey ball in the dark with a white core. */
export function levels(
  seed: string,
  size: Size3 = [13, 12, 11],
  affine: Affine = scalingAffine([1, 1, 1], [-6, -6, -6]),
) {
  const random = rng(seed);
  const count = size[0] * size[1] * size[2];
  const [image, label] = [new Float32Array(count), new Uint8Array(count)];
  const middle = size.map((n) => (n - 1) / 2 + random.between(-0.5, 0.5));
  for (let at = 0; at < count; at++) {
    const place = [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))];
    const distance = Math.hypot(...place.map((x, axis) => x - middle[axis]!));
    label[at] = distance < 2.5 ? 2 : distance < 4.5 ? 1 : 0;
    image[at] = 1 + label[at]! + 0.25 * random.normal();
  }
  const scan: ImageVolume = { data: image, size, channels: 1, affine };
  const truth: LabelVolume = { data: label, size, channels: 1, affine };
  return { scan, truth };
}

/** A Decathlon data set of such heads. */
export async function writeLevels(root: string, ids: readonly string[], size?: Size3): Promise<void> {
  await Promise.all(["imagesTr", "labelsTr"].map((name) => mkdir(join(root, name), { recursive: true })));
  for (const id of ids) {
    const { scan, truth } = levels(id, size);
    const stored = truth.data.map((one) => [0, 3, 7][one]!);
    await writeVolume(join(root, `imagesTr/${id}.nii.gz`), scan);
    await writeVolume(join(root, `labelsTr/${id}.nii.gz`), { ...truth, data: stored as Uint8Array });
  }
  const description = {
    name: "Levels",
    modality: { 0: "T1" },
    labels: { 0: "background", 3: "grey", 7: "white" },
    training: ids.map((id) => ({ image: `./imagesTr/${id}.nii.gz`, label: `./labelsTr/${id}.nii.gz` })),
  };
  await writeFile(join(root, "dataset.json"), JSON.stringify(description));
}

/** What a fold says of its held-out cases, as training leaves it, and the mark that it is done. */
export async function writeHeldOut(
  dir: string,
  configuration: ConfigurationName,
  fold: number,
): Promise<void> {
  const run = experimentPaths.fold(dir, configuration, fold);
  const splits = JSON.parse(await readFile(experimentPaths.splits(dir), "utf8")) as Splits;
  const { data } = JSON.parse(await readFile(experimentPaths.record(dir), "utf8")) as Experiment;
  const predictor = await openPredictor(nodeFiles, run, nodeCpu, { threads: 1 });
  await mkdir(foldPaths.heldOut(run), { recursive: true });
  for (const id of splits.folds[fold]!.validation) {
    const { image } = await loadImage([join(data.root, `imagesTr/${id}.nii.gz`)], ["T1"]);
    const [opinion] = await opinionsOn(predictor, image, { mirror: false });
    await writeFile(foldPaths.heldOutCase(run, id), encodeHeldOut({ id, ...opinion! }));
  }
  await predictor.close();
  await writeFile(foldPaths.evaluation(run), "{}");
}
