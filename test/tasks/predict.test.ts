import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readVolume, writeVolume } from "../../src/io/node.js";
import { predictSegmentation } from "../../src/tasks/segmentation/predict.node.js";
import type { SegmentationModel } from "../../src/tasks/segmentation/run.js";
import { affineFromColumns, applyAffine, type Point3, spacingMm } from "../../src/volume/affine.js";
import { orientationOf } from "../../src/volume/orient.js";
import type { Affine, Size3, Volume } from "../../src/volume/volume.js";
import { thresholdModel } from "./data.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-predict-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A bright ball in the world, which knows nothing of voxels. */
const middleMm: Point3 = [5, -3, 7];
const radiusMm = 8;
const inBall = (point: Point3): boolean => Math.hypot(...point.map((x, a) => x - middleMm[a]!)) <= radiusMm;

/** An affine with these columns, placed so that the ball lies a little off the middle of the volume. */
function placed(columns: readonly [Point3, Point3, Point3], size: Size3): Affine {
  const [i, j, k] = columns;
  const off = size.map((n) => n * 0.45);
  const at = [0, 1, 2].map((row) => i[row]! * off[0]! + j[row]! * off[1]! + k[row]! * off[2]!);
  return affineFromColumns(i, j, k, middleMm.map((x, axis) => x - at[axis]!) as unknown as Point3);
}

const cos = Math.cos(0.35);
const sin = Math.sin(0.35);
const grids: readonly [code: string, size: Size3, columns: [Point3, Point3, Point3]][] = [
  [
    "RAS",
    [30, 31, 32],
    [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
  ],
  [
    "LAS",
    [26, 30, 28],
    [
      [-1, 0, 0],
      [0, 1.1, 0],
      [0, 0, 1],
    ],
  ],
  [
    "PIR",
    [28, 24, 30],
    [
      [0, -1, 0],
      [0, 0, -1.2],
      [0.9, 0, 0],
    ],
  ],
  [
    "LPS",
    [30, 26, 12],
    [
      [-0.8, 0, 0],
      [0, -1.2, 0],
      [0, 0, 3],
    ],
  ],
  [
    "RAS",
    [32, 30, 28],
    [
      [cos, sin, 0],
      [-sin, cos, 0],
      [0, 0, 1.1],
    ],
  ],
  [
    "SAL",
    [27, 33, 25],
    [
      [0, 0.2, 1],
      [0, 1, -0.2],
      [-1, 0, 0],
    ],
  ],
];

async function scanOf(name: string, size: Size3, affine: Affine): Promise<{ path: string; scan: Volume }> {
  const data = new Float32Array(size[0] * size[1] * size[2]);
  eachVoxel(size, affine, (point, at) => {
    data[at] = inBall(point) ? 220 : 50;
  });
  const scan = { data, size, affine, channels: 1 };
  const path = join(folder, name);
  await writeVolume(path, scan, { dtype: "int16" });
  return { path, scan };
}

function eachVoxel(size: Size3, affine: Affine, visit: (point: Point3, at: number) => void): void {
  let at = 0;
  for (let k = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++) visit(applyAffine(affine, [i, j, k]), at++);
}

async function predict(scans: readonly string[], changes: Partial<SegmentationModel> = {}, extra = {}) {
  const model = join(folder, `model-${Math.random()}.onnx`);
  await writeFile(model, thresholdModel(changes));
  const outDir = join(folder, `out-${Math.random()}`);
  return predictSegmentation({ model, scans, outDir, threads: 1, ...extra });
}

describe("a prediction lies on the scan's own grid", () => {
  it.each(grids)("%s, %j voxels: every voxel labelled where the ball is", async (code, size, columns) => {
    const affine = placed(columns, size);
    expect(orientationOf(affine).code).toBe(code);
    const { path, scan } = await scanOf(`${code}-${size[0]}.nii.gz`, size, affine);
    const { files } = await predict([path]);
    expect(files[0]!.prediction).toMatch(/_seg\.nii\.gz$/);
    const input = await readVolume(path);
    const { volume, header } = await readVolume(files[0]!.prediction);
    expect(volume.size).toEqual(size);
    expect(volume.affine).toEqual(input.volume.affine);
    expect(header!.sformCode).toBe(input.header!.sformCode);
    expect(header!.qformCode).toBe(input.header!.qformCode);
    let wrong = 0;
    eachVoxel(scan.size, scan.affine, (point, at) => {
      if (volume.data[at] !== Number(inBall(point))) wrong++;
    });
    expect(wrong).toBe(0);
  });

  it.each(grids)("%s, %j voxels, seen by the network at 2 mm", async (_, size, columns) => {
    const affine = placed(columns, size);
    const { path } = await scanOf(`resampled-${size.join("-")}.nii`, size, affine);
    const { files } = await predict([path], {
      preparation: { normalization: "minmax", spacingMm: [2, 2, 2] },
    });
    const { volume } = await readVolume(files[0]!.prediction);
    expect(volume.size).toEqual(size);
    let [both, either] = [0, 0];
    const centre = [0, 0, 0];
    eachVoxel(size, affine, (point, at) => {
      const [found, wanted] = [volume.data[at] === 1, inBall(point)];
      if (found && wanted) both++;
      either += Number(found) + Number(wanted);
      if (!found) return;
      for (const axis of [0, 1, 2] as const) centre[axis]! += point[axis];
    });
    const count = volume.data.filter((value) => value === 1).length;
    // A ball of 8 mm seen at 2 mm: the surface is uncertain by a part of a voxel, the place is not.
    expect((2 * both) / either).toBeGreaterThan(0.9);
    centre.forEach((sum, axis) => {
      expect(Math.abs(sum / count - middleMm[axis]!)).toBeLessThan(0.4);
    });
  });

  it("labels the outermost voxels too when the network's voxels are much larger", async () => {
    const size: Size3 = [10, 10, 10];
    const data = new Float32Array(1000);
    data.forEach((_, at) => {
      data[at] = at % 10 < 5 ? 10 : 200;
    });
    const path = join(folder, "coarse.nii");
    await writeVolume(path, { data, size, affine: placed(grids[0]![2], size), channels: 1 });
    const preparation = { normalization: "minmax", spacingMm: [3, 3, 3] } as const;
    const { files } = await predict([path], { preparation: { ...preparation, spacingMm: [3, 3, 3] } });
    const { volume } = await readVolume(files[0]!.prediction);
    const face = volume.data.filter((_, at) => at % 10 === 9);
    expect([...face]).toEqual(Array(100).fill(1));
  });
});

describe("predictions", () => {
  it("carry the values of the data set's label files, and are the same for mirrored averaging", async () => {
    const [, size, columns] = grids[2]!;
    const { path } = await scanOf("values.nii.gz", size, placed(columns, size));
    const labels = [{ value: 1, name: "hippocampus" }];
    const plain = await predict([path], { labels, labelValues: [0, 17] }, { mirror: false });
    const mirrored = await predict([path], { labels, labelValues: [0, 17] }, { mirror: true });
    const [a, b] = await Promise.all([plain, mirrored].map(({ files }) => readVolume(files[0]!.prediction)));
    expect([...new Set(a!.volume.data)].sort((x, y) => x - y)).toEqual([0, 17]);
    expect(b!.volume.data).toEqual(a!.volume.data);
  });

  it("of a picture are a picture", async () => {
    const size: Size3 = [20, 14, 1];
    const data = Uint8Array.from({ length: 280 }, (_, at) => (at % 20 < 6 ? 200 : 20));
    const path = join(folder, "cells.png");
    await writeVolume(path, { data, size, affine: placed(grids[0]![2], size), channels: 1 });
    const { files } = await predict([path], { dimensions: 2, patch: [8, 8, 1], labelValues: [0, 255] });
    expect(files[0]!.prediction).toMatch(/cells_seg\.png$/);
    const { volume } = await readVolume(files[0]!.prediction);
    expect(volume.size).toEqual(size);
    expect([...volume.data]).toEqual([...data].map((value) => (value === 200 ? 255 : 0)));
  });

  it("are made until someone interrupts, and those made are kept", async () => {
    const [, size, columns] = grids[0]!;
    const scans = [];
    for (const name of ["first.nii", "second.nii", "third.nii"])
      scans.push((await scanOf(name, size, placed(columns, size))).path);
    const controller = new AbortController();
    const onProgress = (done: number): void => {
      if (done === 1) controller.abort();
    };
    const { files } = await predict(scans, {}, { signal: controller.signal, onProgress });
    expect(files.map(({ scan }) => scan)).toEqual(scans.slice(0, 2));
    await Promise.all(files.map(({ prediction }) => readVolume(prediction)));
  });

  it("of two scans never land in one file", async () => {
    const [, size, columns] = grids[0]!;
    const { path } = await scanOf("same.nii", size, placed(columns, size));
    await expect(predict([path, path])).rejects.toThrow(
      /two scans would both be written to same_seg\.nii\.gz\. Predict them into different folders\./,
    );
  });

  it("keep what is done when a later scan cannot be read, and write nothing for that one", async () => {
    const [, size, columns] = grids[0]!;
    const { path } = await scanOf("good.nii", size, placed(columns, size));
    const outDir = join(folder, "partly");
    const broken = join(folder, "broken.nii.gz");
    await writeFile(broken, "no scan");
    await expect(predict([path, broken], {}, { outDir })).rejects.toThrow(/broken\.nii\.gz/);
    expect(await readdir(outDir)).toEqual(["good_seg.nii.gz"]);
  });
});

describe("spacing", () => {
  it("of the test grids is not all the same, or nothing would be shown", () => {
    const all = grids.map(([, size, columns]) => spacingMm(placed(columns, size)).map((mm) => mm.toFixed(2)));
    expect(new Set(all.map(String)).size).toBeGreaterThan(3);
  });
});
