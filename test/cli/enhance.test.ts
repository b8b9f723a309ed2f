import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeModel } from "../../src/graph/onnx/model.js";
import { program } from "../../src/graph/program.js";
import { readVolume, writeVolume } from "../../src/io/node.js";
import { lower } from "../../src/lower/lower.js";
import { portable } from "../../src/lower/portable.js";
import { compareImages } from "../../src/metrics/compare.js";
import { mul } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { acquireSlices } from "../../src/sim/mr/slices.js";
import type { DenoisingModel } from "../../src/tasks/denoising/run.js";
import { spacingMm } from "../../src/volume/affine.js";
import type { ImageVolume, LabelVolume } from "../../src/volume/volume.js";
import { cleanHead, noisyHead } from "../denoise/heads.js";
import { built, gyrus } from "./bin.js";

let folder = "";
const at = (name: string): string => join(folder, name);
const head = cleanHead([56, 68, 20], 2.4);
const { image: noisy, sigma } = noisyHead(head, 9);
const mask: LabelVolume = { ...head, data: Uint8Array.from(head.data, (value) => (value > 200 ? 1 : 0)) };

beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-enhance-"));
  const whole = { ...noisy, data: noisy.data.map(Math.round) };
  await writeVolume(at("scan.nii.gz"), whole, { dtype: "int16" });
  await writeVolume(at("mask.nii.gz"), mask, { dtype: "uint8" });
  await writeVolume(at("moved.nii.gz"), {
    ...mask,
    affine: mask.affine.map((x, n) => (n === 3 ? x + 9 : x)),
  });
  const two = new Float32Array(2 * whole.data.length);
  two.set(whole.data);
  await writeVolume(at("series.nii.gz"), { ...whole, data: two, channels: 2 });
  await writeVolume(at("slice.nii.gz"), {
    ...whole,
    size: [56, 68, 1],
    data: whole.data.slice(0, 56 * 68),
  });
  const inside = whole.data.map((value, v) => (mask.data[v] === 0 ? 0 : value));
  await writeVolume(at("masked.nii.gz"), { ...whole, data: inside }, { dtype: "int16" });
  await writeVolume(at("empty.nii.gz"), { ...whole, data: new Float32Array(whole.data.length) });
  await writeVolume(at("nowhere-inside.nii.gz"), { ...mask, data: new Uint8Array(mask.data.length) });
  for (const [run, system] of [
    ["run", "red-wgan"],
    ["other", "segment-unet"],
  ] as const) {
    await mkdir(at(run));
    await writeFile(at(`${run}/run.json`), JSON.stringify({ system }));
  }
  await writeFile(at("half.onnx"), halving());
  const thick = acquireSlices(head, { axis: 2, thicknessMm: 4.8 });
  await writeVolume(at("thick.nii.gz"), { ...thick, data: thick.data.map(Math.round) }, { dtype: "uint16" });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** An exported network that needs no training: it takes half of what it is given. */
function halving(): Uint8Array {
  const model: DenoisingModel = {
    system: "red-wgan",
    preset: "tiny",
    task: "denoising",
    channel: "T1w",
    window: [16, 12, 8],
    overlap: 0.25,
    referencePercentile: 99.5,
    units: "reference" as const,
    noise: [9, 9],
    features: null,
    simulated: true,
  };
  const lowered = lower(program({ clean: mul(input("noisy", [1, 1, 8, 12, 16]), 0.5) }), portable);
  return encodeModel({ ...lowered.model, metadata: { gyrus: JSON.stringify(model) } });
}

const denoise = (...words: string[]) => gyrus(["denoise", ...words, "--quiet"], folder);
const read = async (name: string): Promise<ImageVolume> =>
  (await readVolume(at(name), { as: "float32" })).volume as ImageVolume;

describe("gyrus denoise", () => {
  it.each(["gaussian", "median", "tv", "nlm", "bm4d"])(
    "%s: a head in, the head with less noise out",
    async (method) => {
      const { code, out, err } = await denoise(
        "scan.nii.gz",
        "--method",
        method,
        "--out",
        `${method}.nii.gz`,
      );
      expect(err + code).toBe("0");
      const words = new RegExp(
        `^${method}.nii.gz: noise of ([\\d.]+) \\(estimated\\) taken out by ${method} in`,
      );
      const [, level] = words.exec(out) ?? [];
      expect(Math.abs(Number(level) / sigma - 1)).toBeLessThan(0.2);
      const { volume, header } = await readVolume(at(`${method}.nii.gz`));
      expect(volume.data).toBeInstanceOf(Int16Array);
      expect(header?.descrip).toBe(`Gyrus: denoised by ${method}`);
      const found = compareImages(head, await read(`${method}.nii.gz`)).psnrDb;
      // The median of 27 voxels loses the thin folds of so coarse a head: it must only not be far off.
      const gain = method === "median" ? -2 : 1;
      expect(found).toBeGreaterThan(compareImages(head, noisy).psnrDb + gain);
    },
  );

  it("leaves what is outside the mask, gives the same on any number of threads, stores what it is told", async () => {
    const words = ["scan.nii.gz", "--method", "bm4d", "--sigma", String(sigma), "--mask", "mask.nii.gz"];
    for (const threads of ["1", "2"]) {
      const { code, err } = await denoise(
        ...[...words, "--threads", threads, "--dtype", "float32", "--out", `t${threads}.nii`],
      );
      expect(err + code).toBe("0");
    }
    const [one, two, scan] = await Promise.all(["t1.nii", "t2.nii", "scan.nii.gz"].map(read));
    expect(two!.data).toEqual(one!.data);
    expect(one!.data.some((value) => !Number.isInteger(value))).toBe(true);
    one!.data.forEach((value, v) => {
      if (mask.data[v] === 0) expect(value).toBe(scan!.data[v]);
    });
  });

  it("by a network: its result in the scan's own frame and type, untouched outside the mask", async () => {
    const words = ["scan.nii.gz", "--method", "half.onnx", "--out"];
    expect((await denoise(...words, "half.nii")).out).toMatch(/^half.nii: noise taken out by half.onnx in/);
    await denoise(...words, "masked.nii", "--mask", "mask.nii.gz");
    const [scan, half, masked] = [
      await read("scan.nii.gz"),
      await read("half.nii"),
      await read("masked.nii"),
    ];
    expect([half.size, half.affine]).toEqual([scan.size, scan.affine]);
    scan.data.forEach((value, v) => {
      expect(Math.abs(half.data[v]! - value / 2)).toBeLessThanOrEqual(0.51);
      expect(masked.data[v]).toBe(mask.data[v] === 0 ? value : half.data[v]);
    });
  });

  it("finds the noise in the air when told to, nearer to the truth than in the head", async () => {
    const { image, sigma } = noisyHead(cleanHead(), 3);
    await writeVolume(at("coarse.nii.gz"), image);
    const words = ["coarse.nii.gz", "--method", "median", "--out", "air.nii"];
    const { out, err } = await denoise(...words, "--sigma", "background");
    expect(err).toBe("");
    const [, level] = /noise of ([\d.]+) \(estimated from the air\)/.exec(out) ?? [];
    expect(Math.abs(Number(level) / sigma - 1)).toBeLessThan(0.03);
    const [, plain] = /noise of ([\d.]+) \(estimated\)/.exec((await denoise(...words)).out) ?? [];
    expect(Math.abs(Number(plain) / sigma - 1)).toBeGreaterThan(0.1);
  });

  it("prints its result as JSON", async () => {
    const { out } = await gyrus(
      ["denoise", "scan.nii.gz", "--method", "median", "--sigma", "99", "--out", "j.nii", "--json"],
      folder,
    );
    expect(JSON.parse(out)).toMatchObject({ out: "j.nii", method: "median", sigma: 99, sigmaFrom: "given" });
  });

  it.each([
    [["scan.nii.gz", "--method", "bm3d"], 'there is no method "bm3d". Expected gaussian, median'],
    [["scan.nii.gz", "--method", "run", "--radius", "3"], "--radius means nothing to a network"],
    [
      ["scan.nii.gz", "--method", "half.onnx", "--sigma", "3"],
      "half.onnx: how strong the noise is means nothing to this network",
    ],
    [
      ["scan.nii.gz", "--method", "nlm", "--sigma", "3", "--uneven"],
      "--sigma and --uneven both say how strong",
    ],
    [
      ["scan.nii.gz", "--method", "nlm", "--sigma-map", "moved.nii.gz"],
      "moved.nii.gz: the map of the noise is on another grid than scan.nii.gz.",
    ],
    [
      ["scan.nii.gz", "--method", "nlm", "--sigma-map", "mask.nii.gz"],
      "mask.nii.gz: the map of the noise has voxels without noise.",
    ],
    [
      ["scan.nii.gz", "--method", "nlm", "--sigma", "background", "--uneven"],
      "--sigma and --uneven both say how strong",
    ],
    [
      ["scan.nii.gz", "--method", "nlm", "--sigma", "background", "--noise", "gaussian"],
      "the air says nothing of gaussian noise",
    ],
    [
      ["masked.nii.gz", "--method", "nlm", "--sigma", "background"],
      "masked.nii.gz: the scan has no air from which its noise could be estimated.",
    ],
    [["scan.nii.gz", "--method", "other"], "the model is of segment-unet, which does not denoise"],
    [
      ["scan.nii.gz", "--method", "nlm", "--width", "2"],
      "--width means nothing to nlm. Leave it out, or choose gaussian.",
    ],
    [
      ["scan.nii.gz", "--method", "nlm", "--sigma", "much"],
      '--sigma: this is no standard deviation of noise. Expected a number above 0 in the scan\'s units, estimated, or background. Found "much"',
    ],
    [["scan.nii.gz", "--method", "nlm", "--sigma", "0"], 'Found "0"'],
    [
      ["scan.nii.gz", "--method", "nlm", "--sigma", "1e9"],
      "scan.nii.gz: the noise is as strong as all that the scan holds.",
    ],
    [
      ["scan.nii.gz", "--method", "nlm", "--mask", "nowhere-inside.nii.gz"],
      "nowhere-inside.nii.gz: the mask is empty.",
    ],
    [
      ["scan.nii.gz", "--method", "nlm", "--dtype", "uint8"],
      "the scan does not fit uint8. Expected values from 0 to 255",
    ],
    [
      ["scan.nii.gz", "--method", "nlm", "--mask", "moved.nii.gz"],
      "the mask is on another grid than scan.nii.gz.",
    ],
    [["series.nii.gz", "--method", "nlm"], "there are 2 volumes"],
    [["slice.nii.gz", "--method", "nlm"], "slice.nii.gz: this is a 2-D image."],
    [["slice.nii.gz", "--method", "half.onnx"], "slice.nii.gz: this is a 2-D image."],
    [["empty.nii.gz", "--method", "nlm"], "empty.nii.gz: the scan is 0 everywhere."],
    [["nowhere.nii.gz", "--method", "nlm"], "there is no such file."],
  ] as const)("refuses %j", async (words, reason) => {
    const { code, err } = await denoise(...words, "--out", "no.nii.gz");
    expect(err).toContain(reason);
    expect(code).toBe(2);
  });
});

describe("--out", () => {
  const commands = {
    denoise: ["scan.nii.gz", "--method", "nlm"],
    superres: ["thick.nii.gz", "--preset", "tiny"],
    reconstruct: ["prompts.hs", "--method", "osem"],
  } as const;
  const outs = [
    ["out", "out: the name does not say which format to write. Expected a name that ends in one of .nii, "],
    ["out.png", "out.png: the name does not say which format to write."],
    [
      "none/out.nii",
      "none/out.nii: the folder that the result should go to is not there. Expected a folder none.",
    ],
    ["folder.nii", "folder.nii: a folder stands where the result should go. Choose another name."],
  ] as const;
  it.each(Object.keys(commands) as (keyof typeof commands)[])(
    "is checked by %s before anything is read or trained",
    async (command) => {
      await mkdir(at("folder.nii"), { recursive: true });
      await Promise.all(
        outs.map(async ([out, reason]) => {
          const { code, err } = await gyrus([command, ...commands[command], "--out", out], folder);
          expect(err).toContain(reason);
          expect(code).toBe(2);
        }),
      );
      expect(existsSync(at("out_smore")) || existsSync(at("folder_smore"))).toBe(false);
    },
  );

  it.each([
    ["denoise", "scan.nii.gz"],
    ["denoise", "mask.nii.gz", "--mask", "mask.nii.gz"],
    ["superres", "./thick.nii.gz"],
    ["reconstruct", "map.nii", "--attenuation", "map.nii"],
  ] as const)("does not let %s replace %s, which is read", async (command, out, ...more) => {
    const { code, err } = await gyrus([command, ...commands[command], ...more, "--out", out], folder);
    expect(err).toContain(`${out}: the result would replace what it is made from.`);
    expect(code).toBe(2);
  });
});

describe("--no-mirror", () => {
  it.each([
    ["evaluate", "run"],
    ["predict", "run", "scan.nii.gz", "--out", "predictions"],
  ])("%s refuses it for a network that averages over no copies", async (...words) => {
    const { code, err } = await gyrus([...words, "--no-mirror"], folder);
    expect(err).toContain("--no-mirror means nothing to red-wgan, which averages over no mirrored copies.");
    expect(code).toBe(2);
  });
});

describe("gyrus superres", () => {
  const superres = (...words: string[]) => gyrus(["superres", ...words, "--quiet"], folder);

  it.each(["nearest", "linear", "cubic", "fourier"])(
    "%s: cubes for voxels over the same field",
    async (method) => {
      const { code, out, err } = await superres("thick.nii.gz", "--method", method, "--out", `${method}.nii`);
      expect(err + code).toBe("0");
      expect(out).toBe(`${method}.nii: 56x68x20 voxels of 2.4x2.4x2.4 mm by ${method}\n`);
      const fine = await read(`${method}.nii`);
      expect(spacingMm(fine.affine).every((mm) => Math.abs(mm - 2.4) < 1e-5)).toBe(true);
      // On the head's own grid again, within what its header keeps.
      expect(compareImages(head, fine).psnrDb).toBeGreaterThan(18);
    },
  );

  it("refuses what is isotropic already, unless forced", async () => {
    const words = ["scan.nii.gz", "--method", "cubic", "--out", "forced.nii"];
    const { code, err } = await superres(...words);
    expect(err).toContain("the scan has voxels of 2.4x2.4x2.4 mm already, so there is nothing to do.");
    expect(code).toBe(2);
    expect((await superres(...words, "--force")).code).toBe(0);
  });

  it("refuses series, slices and scans without anything in them", async () => {
    for (const [name, reason] of [
      ["series.nii.gz", "there are 2 volumes."],
      ["slice.nii.gz", "this is a 2-D image."],
      ["empty.nii.gz", "empty.nii.gz: the image is constant."],
    ]) {
      const { code, err } = await superres(name!, "--method", "cubic", "--out", "no.nii");
      expect(err).toContain(reason);
      expect(code).toBe(2);
    }
  });
});
