import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { explainError } from "../../../src/cli/exit.js";
import { writeInterfileTo } from "../../../src/io/interfile.js";
import { nodeFiles, readSafetensors, readTable, readVolume, writeTable } from "../../../src/io/node.js";
import { relativeRmse } from "../../../src/metrics/quality.js";
import { geometryOver, imageGrid, petGeometries } from "../../../src/sim/pet/geometry.js";
import { writePetScans } from "../../../src/sim/pet/node.js";
import { sinogramsToWrite } from "../../../src/sim/pet/sinograms.js";
import { deeppet } from "../../../src/systems/deeppet.js";
import { requireGeometry } from "../../../src/tasks/reconstruction/apply.js";
import { loadScanFolder } from "../../../src/tasks/reconstruction/data.node.js";
import { openModelAt } from "../../../src/tasks/reconstruction/open.node.js";
import { modelSchema } from "../../../src/tasks/reconstruction/run.js";
import { reconstructStackByNetwork } from "../../../src/tasks/reconstruction/stack.node.js";
import type { TrainRequest, Verbs } from "../../../src/tasks/verbs.js";
import { quickPet, scansOf } from "./data.js";

let folder = "";
let data = "";
let verbs: Verbs;
const at = (...parts: string[]): string => join(folder, ...parts);

/** A path in the folder, whose own folder is there. */
async function folderFor(path: string): Promise<string> {
  await mkdir(dirname(at(path)), { recursive: true });
  return at(path);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-deeppet-"));
  data = at("scans");
  const geometry = petGeometries.tiny;
  await writePetScans(data, { geometry, phantoms: 4, slicesPerPhantom: 2, seed: 3, counts: 1e6 });
  verbs = await deeppet.verbs();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const request = (run: string, changes: Partial<TrainRequest> = {}): TrainRequest => ({
  dataDir: data,
  runDir: at(run),
  preset: "tiny",
  set: { ...quickPet, noise: "fresh", validations: "3" },
  epochs: 4,
  seed: 1,
  threads: 1,
  resume: false,
  ...changes,
});

const weightsOf = async (run: string, name = "last"): Promise<Buffer> => {
  const { tensors } = await readSafetensors(at(run, "checkpoints", `${name}.safetensors`));
  return Buffer.concat(
    Object.values(tensors).map(({ data: d }) => Buffer.from(d.buffer, d.byteOffset, d.byteLength)),
  );
};

describe("a run with fresh noise", () => {
  it("stopped and resumed ends with the bits of one that was not", async () => {
    const whole = await verbs.train(request("whole"));
    expect(whole).toMatchObject({ stopped: "done", steps: 8 });
    expect(Object.keys(whole.scores)).toEqual(["1 - rRMSE", "rRMSE", "PSNR dB", "SSIM"]);
    const controller = new AbortController();
    const first = await verbs.train(
      request("parts", {
        signal: controller.signal,
        onProgress: ({ step }) => {
          if (step === 3) controller.abort();
        },
      }),
    );
    expect(first).toMatchObject({ stopped: "asked", steps: 3 });
    const second = await verbs.train(request("parts", { resume: true }));
    expect(second).toMatchObject({ stopped: "done", steps: 8, bestScore: whole.bestScore });
    expect((await weightsOf("parts")).equals(await weightsOf("whole"))).toBe(true);
    expect((await weightsOf("parts", "best")).equals(await weightsOf("whole", "best"))).toBe(true);
  });

  it("keeps the phantoms of the data set's own split apart, and records them", async () => {
    const { rows } = await readTable(join(data, "scans.tsv"));
    const run = JSON.parse(await readFile(at("whole", "run.json"), "utf8")) as {
      split: Record<"train" | "validation" | "test", string[]> & { subjects: Record<string, string[]> };
      model: { geometry: Record<string, number>; counts: number[] };
    };
    for (const part of ["train", "validation", "test"] as const)
      expect(run.split[part]).toEqual(rows.filter(({ split }) => split === part).map(({ scan }) => scan));
    const phantoms = Object.values(run.split.subjects).flat();
    expect(new Set(phantoms).size).toBe(phantoms.length);
    for (const [key, value] of Object.entries(petGeometries.tiny))
      expect(run.model.geometry[key], key).toBeCloseTo(value, 4);
    expect(run.model.counts).toEqual([1e5, 1e7]);
  });

  it("is judged on the test part, and gives there what it predicts, in kBq/ml", async () => {
    const judged = await verbs.evaluate({ runDir: at("whole"), threads: 1 });
    expect(judged.set).toBe("slices of the test part (whole phantoms)");
    const [first] = judged.cases;
    const { files } = await verbs.predict({
      model: at("whole"),
      scans: [join(data, first!.case)],
      outDir: at("out"),
      threads: 1,
    });
    const truth = (await readVolume(join(data, first!.case, "activity.nii.gz"), { as: "float32" })).volume;
    const found = (await readVolume(files[0]!.prediction, { as: "float32" })).volume;
    expect(relativeRmse(truth.data, found.data)).toBeCloseTo(first!.scores.activity!.rRMSE!, 4);
    found.affine.forEach((value, n) => {
      expect(value).toBeCloseTo(truth.affine[n]!, 4);
    });
    const { path } = await verbs.report({ runDir: at("whole") });
    const page = await readFile(path, "utf8");
    expect(page).toContain("From left to right: corrected sinogram");
    expect(page).toContain("48 views of 47 bins");
  });

  it("gives the same image by the exported model, whatever the unit of the calibration", async () => {
    await verbs.exportModel({ runDir: at("whole"), out: at("model.onnx") });
    const [one] = scansOf(1);
    const stack = { ...one!.scan, slices: 1, sliceSpacingMm: 3.27 };
    const [run, file] = [await openModelAt(at("whole")), await openModelAt(at("model.onnx"))];
    const image = (await reconstructStackByNetwork(run, stack)).data;
    const exported = (await reconstructStackByNetwork(file, stack)).data;
    const uncalibrated = (
      await reconstructStackByNetwork(run, { ...stack, calibration: 100 * stack.calibration })
    ).data;
    expect(relativeRmse(image, exported)).toBeLessThan(1e-4);
    expect(
      relativeRmse(
        image,
        uncalibrated.map((value) => 100 * value),
      ),
    ).toBeLessThan(1e-4);
    expect(Math.min(...image)).toBeGreaterThanOrEqual(0);
  });

  it("leaves slices without a count empty, and refuses other scanners", async () => {
    const [one] = scansOf(1);
    const run = await openModelAt(at("whole"));
    const twice = (values: Float32Array | undefined, second = 1): Float32Array =>
      Float32Array.from([...values!, ...values!.map((value) => value * second)]);
    const { scan } = one!;
    const stack = {
      ...scan,
      prompts: twice(scan.prompts, 0),
      scatter: twice(scan.scatter, 0),
      randoms: twice(scan.randoms, 0),
      attenuation: twice(scan.attenuation),
      slices: 2,
      sliceSpacingMm: 3.27,
    };
    const { data: image, size } = await reconstructStackByNetwork(run, stack);
    expect(size).toEqual([32, 32, 2]);
    expect(image.subarray(32 * 32).every((value) => value === 0)).toBe(true);
    expect(Math.max(...image)).toBeGreaterThan(0);
    const other = { ...scan, geometry: { ...scan.geometry, binSizeMm: 5 }, slices: 1, sliceSpacingMm: 3 };
    await expect(reconstructStackByNetwork(run, other)).rejects.toThrow(
      /^slice 1: the sinogram is of another scanner than the network has learnt\. Expected binSizeMm 6\.8.*48 views of 47 bins.*Found binSizeMm 5/,
    );
  });
});

describe("a scanner with an even number of bins, its axis in one of them,", () => {
  const middle = geometryOver(320, { views: 8, bins: 10, imageSize: 8 });
  const geometry = { ...middle, axisBin: 4 };

  it("is read as it is, told apart from one whose axis lies between two, and stands in the record", async () => {
    const counts = new Float32Array(80).fill(2);
    for (const name of ["prompts", "scatter", "randoms", "attenuation"])
      await writeInterfileTo(
        nodeFiles,
        await folderFor(`even/one/${name}.hs`),
        sinogramsToWrite(geometry, 1, 3, name === "prompts" ? counts : counts.map(() => 0.5)),
      );
    const row = { scan: "one", psf_fwhm_mm: "0", calibration: "1" };
    const { scan } = await loadScanFolder(at("even"), row, imageGrid(geometry));
    expect(scan.geometry).toMatchObject({ bins: 10, axisBin: 4 });
    expect(() => requireGeometry(scan.geometry, middle, "one")).toThrow(
      /^one: the sinogram is of another scanner than the network has learnt\. Expected axisBin 4\.5: .*Found axisBin 4\./,
    );
    requireGeometry(scan.geometry, geometry);
    // Written out, half of the bins' number is the same axis.
    requireGeometry({ ...middle, axisBin: 4.5 }, middle);
    const recorded = modelSchema.shape.geometry;
    expect([recorded.parse(geometry), recorded.parse(middle)]).toEqual([geometry, middle]);
  });
});

describe("training refuses, before anything is written,", () => {
  const refuse = async (change: Partial<TrainRequest>, words: RegExp): Promise<void> => {
    const thrown: unknown = await verbs.train(request("refused", change)).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(Error);
    expect((thrown as Error).message).toMatch(words);
    expect(explainError(thrown).code).toBe(2);
    expect(existsSync(at("refused"))).toBe(false);
  };

  /** The data set with one of its files changed or gone. */
  const broken = async (name: string, change: (dir: string) => Promise<unknown>): Promise<string> => {
    const dir = at(name);
    await cp(data, dir, { recursive: true });
    await change(dir);
    return dir;
  };

  it("a folder without scans", () =>
    refuse({ dataDir: folder }, /the folder holds no list of PET scans\. Expected scans\.tsv/));

  it("options of other data sets", () =>
    refuse({ dataset: { channels: ["T1w"] } }, /--channels means nothing to deeppet\. Leave it out/));

  it("a preset for another scanner", () =>
    refuse(
      { preset: "small", set: {} },
      /makes images of another size.*Expected a last size of 32.*Found 64\. Choose a preset for 32² pixels/,
    ));

  it("slices of one phantom in two parts", async () => {
    const dataDir = await broken("mixed", async (dir) => {
      const { columns, rows } = await readTable(join(dir, "scans.tsv"));
      const test = rows.findIndex(({ split }) => split === "test");
      await writeTable(join(dir, "scans.tsv"), {
        columns,
        rows: rows.map((row, n) => (n === test ? { ...row, split: "train" } : row)),
      });
    });
    await refuse(
      { dataDir },
      /slices of one phantom are in two parts.*Keep all slices of a phantom in one part/,
    );
  });

  it("scans that cannot be counted anew, which recorded noise takes", async () => {
    const dataDir = await broken("recorded", async (dir) => {
      const { rows } = await readTable(join(dir, "scans.tsv"));
      for (const { scan } of rows) await rm(join(dir, scan!, "trues.hs"));
    });
    await refuse({ dataDir }, /cannot be counted anew.*train with --set noise=recorded/);
    const { stopped } = await verbs.train(request("taken", { dataDir, set: quickPet, epochs: 1 }));
    expect(stopped).toBe("done");
  });

  it("a sinogram that ends early, by its name", async () => {
    const dataDir = await broken("short", async (dir) => {
      const { rows } = await readTable(join(dir, "scans.tsv"));
      const file = join(dir, rows.find(({ split }) => split === "train")!.scan!, "prompts.s");
      await writeFile(file, (await nodeFiles.read(file)).subarray(0, 100));
    });
    await refuse({ dataDir }, /prompts\.s: the sinogram file ends early/);
  });

  it("settings that do not fit", async () => {
    await refuse(
      { set: { counts: "1e7,1e5" } },
      /the configuration does not fit.*lower bound 10000000 lies above/,
    );
    await refuse(
      { set: { inputs: '["precorrected"]' } },
      /the configuration does not fit.*linograms want their views joined, and nothing else does/s,
    );
    await refuse(
      { set: { inputs: '["linogram","offset"]' } },
      /sinograms, linograms and images cannot be channels of one input/,
    );
  });
});
