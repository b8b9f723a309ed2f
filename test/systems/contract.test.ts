import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors, readVolume, writeSafetensors, writeVolume } from "../../src/io/node.js";
import { imageGrid, petGeometries } from "../../src/sim/pet/geometry.js";
import { writePetScans } from "../../src/sim/pet/node.js";
import { configs as adConfigs } from "../../src/systems/adcnn.js";
import { configs as petConfigs } from "../../src/systems/deeppet.js";
import { configs as nnunetConfigs } from "../../src/systems/nnunet.js";
import { configs as ganConfigs } from "../../src/systems/red-wgan.js";
import { systems } from "../../src/systems/registry.js";
import { configs } from "../../src/systems/segment-unet.js";
import { configs as smoreConfigs } from "../../src/systems/smore.js";
import { configs as voxConfigs } from "../../src/systems/voxcnn.js";
import {
  type ClassificationConfig,
  withChanges as classChanges,
  classificationSchema,
} from "../../src/tasks/classification/config.js";
import { denoisingSchema, withChanges as ganChanges } from "../../src/tasks/denoising/config.js";
import { withChanges as petChanges, reconstructionSchema } from "../../src/tasks/reconstruction/config.js";
import { segmentationSchema, withChanges } from "../../src/tasks/segmentation/config.js";
import { withChanges as nnunetChanges, nnunetSchema } from "../../src/tasks/segmentation/nnunet/config.js";
import {
  withChanges as smoreChanges,
  superresolutionSchema,
} from "../../src/tasks/superresolution/config.js";
import type { TrainRequest, TrainSummary, Verbs } from "../../src/tasks/verbs.js";
import { isotropicGrid } from "../../src/volume/isotropic.js";
import type { Grid, Size3 } from "../../src/volume/volume.js";
import { quickDiagnosis, writePeople } from "../tasks/classification/data.js";
import { ball, quick, writeBalls } from "../tasks/data.js";
import { quickNoise } from "../tasks/denoising/data.js";
import { quickPet } from "../tasks/reconstruction/data.js";
import { quickShells, thickShells, writeShells } from "../tasks/superresolution/data.js";

/** What a system is tested with: data it can learn in seconds, settings that keep it small, and its presets' check. */
interface Recipe {
  /** Write a data set of three subjects, one of which is held out. */
  readonly write: (folder: string) => Promise<string>;
  readonly set: Readonly<Record<string, string>>;
  readonly preset: string;
  readonly epochs: number;
  /** The loss falls by at least this factor on the two subjects it is trained on. */
  readonly factor: number;
  /** Cases of the subject that is held out. */
  readonly heldOut: number;
  /** Throws when the preset is not sound. */
  readonly requireSound: (preset: string) => void;
  /** Scans of every kind that has to work, and the grids that answers lie on. */
  readonly scans: Readonly<Record<string, (folder: string, data: string) => Promise<ScanToPredict>>>;
  /** Whether the headline of the evaluation is that of a system that has learnt something. */
  readonly good: (headline: number) => boolean;
}

interface ScanToPredict {
  readonly scan: string;
  readonly grid: Grid;
}

async function oddBall(folder: string, size: Size3): Promise<ScanToPredict> {
  const { image, grid } = ball("odd", size);
  const scan = join(folder, `odd-${size.join("-")}.nii.gz`);
  await writeVolume(scan, { data: image, channels: 1, ...grid });
  return { scan, grid: (await readVolume(scan)).volume };
}

/** Slices of 4 mm; the answer has cubes of 1 mm. */
async function thickScan(folder: string, size: Size3, axis: 0 | 2): Promise<ScanToPredict> {
  const scan = join(folder, `thick-${axis}.nii.gz`);
  await writeVolume(scan, thickShells("thick", size, axis));
  return { scan, grid: isotropicGrid((await readVolume(scan)).volume) };
}

/** People of two kinds; answers are a table, see test/tasks/classification. */
function diagnosis(presets: Readonly<Record<string, ClassificationConfig>>, preset: string): Recipe {
  return {
    write: (folder) => writePeople(folder),
    set: { ...quickDiagnosis, "network.dropout": "0", "optimizer.learningRate": "0.003" },
    preset,
    epochs: 25,
    factor: 4,
    heldOut: 4,
    requireSound: (name) => {
      const config = presets[name]!;
      expect(classificationSchema.parse(config)).toEqual(config);
      expect(classChanges(config, {})).toEqual(config);
    },
    scans: {},
    good: (balancedAccuracy) => balancedAccuracy > 0.7,
  };
}

const recipes: Readonly<Record<string, Recipe>> = {
  adcnn: diagnosis(adConfigs, "subject-small"),
  voxcnn: diagnosis(voxConfigs, "tiny"),
  "red-wgan": {
    write: (folder) => writeBalls(folder, { cases: 3 }),
    // The paper's norm and units: scans so small are too small to find their noise.
    set: {
      ...quickNoise,
      "optimizer.learningRate": "0.01",
      noise: "20,20",
      units: "reference",
      "network.norm": "batch",
    },
    preset: "tiny",
    epochs: 150,
    factor: 4,
    heldOut: 1,
    requireSound: (preset) => {
      const config = ganConfigs[preset as keyof typeof ganConfigs];
      expect(denoisingSchema.parse(config)).toEqual(config);
      expect(ganChanges(config, {})).toEqual(config);
    },
    scans: {
      "a scan of 17x9x21 voxels": (folder) => oddBall(folder, [17, 9, 21]),
      "a scan of 5x16x3 voxels": (folder) => oddBall(folder, [5, 16, 3]),
    },
    // Noise of 20 % of the peak leaves 14 dB or less of it.
    good: (psnr) => psnr > 17,
  },
  smore: {
    write: (folder) => writeShells(folder, 3),
    set: { ...quickShells, "network.addInput": "false", "optimizer.learningRate": "0.005" },
    preset: "tiny",
    epochs: 60,
    factor: 2,
    heldOut: 1,
    requireSound: (preset) => {
      const config = smoreConfigs[preset as keyof typeof smoreConfigs];
      expect(superresolutionSchema.parse(config)).toEqual(config);
      expect(smoreChanges(config, {})).toEqual(config);
    },
    scans: {
      "a scan with slices along k": (folder) => thickScan(folder, [17, 20, 24], 2),
      "a scan with slices along i": (folder) => thickScan(folder, [16, 19, 21], 0),
    },
    // Interpolation has 19 dB or so.
    good: (psnr) => psnr > 18,
  },
  nnunet: {
    write: (folder) => writeBalls(folder, { cases: 3 }),
    set: {
      firstWidth: "4",
      stepsPerEpoch: "1",
      validations: "2",
      validationPatches: "2",
      augmentation: "none",
      "optimizer.learningRate": "0.02",
      average: "0.9",
    },
    preset: "tiny",
    epochs: 80,
    factor: 4,
    heldOut: 1,
    requireSound: (preset) => {
      const config = nnunetConfigs[preset as keyof typeof nnunetConfigs];
      expect(nnunetSchema.parse(config)).toEqual(config);
      expect(nnunetChanges(config, {})).toEqual(config);
    },
    scans: {
      "a scan of 17x9x21 voxels": (folder) => oddBall(folder, [17, 9, 21]),
      "a scan of 5x16x3 voxels": (folder) => oddBall(folder, [5, 16, 3]),
    },
    good: (dice) => dice > 0.7,
  },
  "segment-unet": {
    write: (folder) => writeBalls(folder, { cases: 3 }),
    set: { ...quick, "optimizer.learningRate": "0.02", average: "0.9" },
    preset: "tiny",
    epochs: 80,
    factor: 4,
    heldOut: 1,
    requireSound: (preset) => {
      const config = configs[preset as keyof typeof configs];
      expect(segmentationSchema.parse(config)).toEqual(config);
      expect(withChanges(config, {})).toEqual(config);
    },
    scans: {
      "a scan of 17x9x21 voxels": (folder) => oddBall(folder, [17, 9, 21]),
      "a scan of 5x16x3 voxels": (folder) => oddBall(folder, [5, 16, 3]),
      "a scan of 33x16x16 voxels": (folder) => oddBall(folder, [33, 16, 16]),
    },
    good: (dice) => dice > 0.8,
  },
  deeppet: {
    write: async (folder) => {
      const geometry = petGeometries.tiny;
      await writePetScans(folder, {
        geometry,
        phantoms: 3,
        slicesPerPhantom: 6,
        kinds: ["brain"],
        seed: 3,
        counts: 1e6,
      });
      return folder;
    },
    set: { ...quickPet, batch: "4", "optimizer.learningRate": "0.01" },
    preset: "tiny",
    epochs: 60,
    factor: 4,
    heldOut: 6,
    requireSound: (preset) => {
      const config = petConfigs[preset as keyof typeof petConfigs];
      expect(reconstructionSchema.parse(config)).toEqual(config);
      expect(petChanges(config, {})).toEqual(config);
    },
    scans: {
      "the folder of a slice": async (_, data) => ({
        scan: join(data, "brain-001_slice-1"),
        grid: imageGrid(petGeometries.tiny, 3.27),
      }),
    },
    // Two heads teach where a head is and little more; an empty image has 2 or so.
    good: (rRMSE) => rRMSE < 1.6,
  },
};

/** Those that are fitted in one go have no steps to be held to: see test/tasks/classic.test.ts. */
const stepwise = systems.filter(({ fittedAtOnce }) => fittedAtOnce !== true);

it("every system that is trained by steps has a recipe, and every recipe a system", () => {
  expect(Object.keys(recipes).sort()).toEqual(stepwise.map(({ name }) => name).sort());
});

describe.each(stepwise.map((system) => [system.name, system] as const))("%s", (name, system) => {
  const recipe = recipes[name]!;
  let folder = "";
  let data = "";
  let verbs: Verbs;
  let trained: TrainSummary;

  const train = (run: string, changes: Partial<TrainRequest> = {}): Promise<TrainSummary> =>
    verbs.train({
      dataDir: data,
      runDir: join(folder, run),
      preset: recipe.preset,
      set: recipe.set,
      fold: 0,
      folds: 3,
      epochs: recipe.epochs,
      seed: 5,
      threads: 1,
      resume: false,
      ...changes,
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gyrus-contract-"));
    data = await recipe.write(join(folder, "data"));
    verbs = await system.verbs();
    trained = await train("first");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("says what it is: a name to type, a sentence, a paper", () => {
    expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(system.summary).toMatch(/^[A-Z].*[^.]$/);
    expect(system.paper.title.length).toBeGreaterThan(10);
    expect(system.paper.year).toBeGreaterThan(1980);
  });

  it.each(Object.keys(system.presets))("preset %s is sound", (preset) => {
    recipe.requireSound(preset);
    expect(system.presets[preset]!.summary.length).toBeGreaterThan(10);
  });

  it("overfits two tiny subjects", async () => {
    const rows = (await readFile(join(trained.run, "metrics.jsonl"), "utf8")).trim().split("\n");
    const losses = rows.map((row) => (JSON.parse(row) as { trainLoss: number }).trainLoss);
    expect(losses).toHaveLength(trained.steps);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / recipe.factor);
    expect(trained.bestScore).not.toBeNull();
    expect(Object.values(trained.scores)).toContain(trained.bestScore);
  });

  it("gives the same weights from the same seed, and others from another", async () => {
    const models: Buffer[] = [];
    const weights = async (run: string, seed: number): Promise<Buffer[]> => {
      const { run: dir } = await train(run, { seed, epochs: 2 });
      models.push(await readFile(join(dir, "model.onnx")));
      const { tensors } = await readSafetensors(join(dir, "checkpoints", "last.safetensors"));
      return Object.values(tensors).map(({ data: d }) => Buffer.from(d.buffer, d.byteOffset, d.byteLength));
    };
    const [first, again, other] = [await weights("a", 9), await weights("b", 9), await weights("c", 10)];
    expect(Buffer.concat(again).equals(Buffer.concat(first))).toBe(true);
    expect(Buffer.concat(other).equals(Buffer.concat(first))).toBe(false);
    expect(models[1]!.equals(models[0]!)).toBe(true);
  });

  it("round-trips its checkpoint bit for bit", async () => {
    const path = join(trained.run, "checkpoints", "last.safetensors");
    const { tensors, metadata } = await readSafetensors(path);
    const copy = join(folder, "copy.safetensors");
    await writeSafetensors(copy, tensors, metadata);
    expect((await readFile(copy)).equals(await readFile(path))).toBe(true);
    expect(Object.keys(tensors).length).toBeGreaterThan(0);
  });

  it.each(Object.entries(recipe.scans))("accepts %s and answers on its grid", async (_, write) => {
    const { scan, grid } = await write(folder, data);
    const { files } = await verbs.predict({
      model: trained.run,
      scans: [scan],
      outDir: join(folder, "out"),
      threads: 1,
    });
    const { volume } = await readVolume(files[0]!.prediction);
    expect(volume.size).toEqual(grid.size);
    grid.affine.forEach((value, at) => {
      expect(volume.affine[at]).toBeCloseTo(value, 4);
    });
  });

  it("is judged, exported and reported on", async () => {
    const runDir = trained.run;
    const judged = await verbs.evaluate({ runDir, threads: 1 });
    expect(judged.caseCount).toBe(recipe.heldOut);
    expect(recipe.good(judged.overall!.mean), `${judged.overall!.mean}`).toBe(true);
    const out = join(folder, "model.onnx");
    const { bytes } = await verbs.exportModel({ runDir, out });
    expect((await readFile(out)).length).toBe(bytes);
    expect((await readFile(join(runDir, "model.onnx"))).equals(await readFile(out))).toBe(true);
    const { path } = await verbs.report({ runDir });
    expect(existsSync(path)).toBe(true);
  });
});
