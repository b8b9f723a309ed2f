import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { floats } from "../../src/core/tensor.js";
import { readVolume } from "../../src/io/node.js";
import { encodeNpy } from "../../src/io/npy.js";
import { parseTable } from "../../src/io/tables.js";
import { relativeRmse } from "../../src/metrics/quality.js";
import { spacingMm } from "../../src/volume/affine.js";
import { built, gyrus } from "./bin.js";

let folder = "";
let scan = "";
let corrections: readonly string[] = [];

beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-pet-"));
  const out = join(folder, "scans");
  const words = [
    "--geometry",
    "tiny",
    "--phantom",
    "body",
    "--subjects",
    "3",
    "--counts",
    "1e6",
    "--slices",
    "1",
  ];
  const { code, err } = await gyrus(["simulate", "pet", "--out", out, "--quiet", ...words], folder);
  expect(err + code).toBe("0");
  const { rows } = parseTable(await readFile(join(out, "scans.tsv"), "utf8"), "scans.tsv");
  expect(rows).toHaveLength(3);
  expect(new Set(rows.map(({ split }) => split))).toEqual(new Set(["train", "validation", "test"]));
  scan = join(out, rows[0]!.scan!);
  corrections = [
    ...["attenuation", "scatter", "randoms"].flatMap((name) => [`--${name}`, join(scan, `${name}.hs`)]),
    ...["--calibration", rows[0]!.calibration!, "--image-size", "32"],
  ];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const reconstruct = (...words: string[]) =>
  gyrus(["reconstruct", join(scan, "prompts.hs"), "--quiet", ...words], folder);

const spacingOf = async (path: string): Promise<string[]> =>
  spacingMm((await readVolume(path)).volume.affine).map((mm) => mm.toFixed(3));

const edited = (from: string | RegExp, to: string) => (bytes: Buffer) => {
  const text = bytes.toString().replace(from, to);
  expect(text).not.toBe(bytes.toString());
  return Buffer.from(text);
};

describe("gyrus reconstruct", () => {
  it("gives back what gyrus simulate pet put in, by every method", async () => {
    expect((await readdir(scan)).sort()).toEqual(
      [
        "activity.nii.gz",
        ...["attenuation", "prompts", "randoms", "scatter", "trues"]
          .flatMap((name) => [`${name}.hs`, `${name}.s`])
          .sort(),
        "mumap.nii.gz",
      ].sort(),
    );
    const truth = (await readVolume(join(scan, "activity.nii.gz"), { as: "float32" })).volume;
    const errors: number[] = [];
    for (const words of [["fbp"], ["mlem", "--psf", "4.9"], ["osem", "--psf", "4.9", "--subsets", "8"]]) {
      const out = join(folder, `${words[0]}.nii.gz`);
      const { code, out: said, err } = await reconstruct("--method", ...words, ...corrections, "--out", out);
      expect(err + code).toBe("0");
      expect(said).toMatch(/^1 slice by \w+ in [\d.]+ s: .*nii\.gz, kBq\/ml\n$/);
      const { volume } = await readVolume(out, { as: "float32" });
      expect(volume.affine.map((value) => value.toFixed(2))).toEqual(
        truth.affine.map((value) => value.toFixed(2)),
      );
      errors.push(relativeRmse(truth.data, volume.data));
    }
    expect(Math.max(...errors)).toBeLessThan(0.8);
    // With a million counts the models that know the noise and the blur are nearer to the truth.
    expect(Math.max(errors[1]!, errors[2]!)).toBeLessThan(errors[0]!);
  });

  it("takes pixels and slices from a map, as its help shows", async () => {
    const [words, out] = [["--method", "fbp", "--window", "hann"], join(folder, "map.nii.gz")];
    const map = ["--attenuation", join(scan, "mumap.nii.gz"), "--out", out];
    const { code, out: said, err } = await reconstruct(...words, ...map);
    expect(err + code).toBe("0");
    expect(said).not.toContain("taken to be");
    const [found, truth] = await Promise.all(
      [out, join(scan, "activity.nii.gz")].map(async (path) => (await readVolume(path)).volume),
    );
    expect(found!.size).toEqual(truth!.size);
    // Of one slice the middle may be at -0.
    expect(found!.affine.map((value) => value + 0)).toEqual(truth!.affine);
    const other = await reconstruct(...words, ...map, "--image-size", "64");
    expect(other.err).toContain("the attenuation map is on another grid than the image.");
    expect(other.err).toContain("Leave --image-size, --pixel-size and --slice-spacing out");
    expect(other.code).toBe(2);
  });

  it("works out the likelihood for --json and --stop-below, and says where it came to", async () => {
    const words = ["--method", "osem", "--subsets", "8", "--iterations", "12", ...corrections];
    const out = ["--out", join(folder, "likely.nii.gz")];
    const whole = await gyrus(["reconstruct", join(scan, "prompts.hs"), ...words, ...out, "--json"], folder);
    type Fit = { readonly iterations: number; readonly logLikelihood: readonly number[] };
    const [fit] = (JSON.parse(whole.out) as { fits: Fit[] }).fits;
    expect(fit!.logLikelihood).toHaveLength(13);
    const stopped = await reconstruct(...words, ...out, "--stop-below", "0.05");
    const [, passes, last] = /\n(\d+) iterations, log-likelihood (\d+\.?\d*)\n$/.exec(stopped.out) ?? [];
    expect(Number(passes)).toBeGreaterThan(1);
    expect(Number(passes)).toBeLessThan(12);
    expect(Number(last) / fit!.logLikelihood[Number(passes)]!).toBeCloseTo(1, 7);
    expect((await reconstruct(...words, ...out)).out).not.toContain("likelihood");
  });

  it("takes a NumPy array for the prompts", async () => {
    const out = join(folder, "map.nii.gz");
    const common = ["--method", "fbp", "--image-size", "32", "--out", out] as const;
    const array = join(folder, "array.npy");
    await writeFile(array, encodeNpy(floats([48, 47], new Float32Array(48 * 47).fill(3))));
    const { code, err } = await gyrus(["reconstruct", array, ...common], folder);
    expect(err).toContain("the file does not say how wide a bin is.");
    expect(err).toContain("Add --bin-size.");
    expect(code).toBe(2);
    const plain = await gyrus(["reconstruct", array, ...common, "--bin-size", "5"], folder);
    expect(plain.out).toMatch(
      /\nSlices are taken to be 7\.344 mm apart, as wide as pixels: the file does not say \(--slice-spacing\)\.\n$/,
    );
    expect(await spacingOf(out)).toEqual(["7.344", "7.344", "7.344"]);
    const told = ["reconstruct", array, ...common, "--bin-size", "5", "--slice-spacing", "3"];
    expect((await gyrus(told, folder)).out).not.toContain("taken to be");
    expect(await spacingOf(out)).toEqual(["7.344", "7.344", "3.000"]);
  });

  it("says what DeepPET needs, and what a model is that is none of its", async () => {
    const out = join(folder, "network.nii.gz");
    const said = async (method: string): Promise<string> => {
      const { code, err } = await reconstruct("--method", method, "--out", out);
      expect(code).toBe(2);
      return err;
    };
    expect(await said("deeppet")).toMatch(
      /^gyrus: --method: DeepPET reconstructs with what it has learnt of a scanner, so a trained run is needed\. .*--method runs\/deeppet\.\n$/,
    );
    expect(await said("deppet")).toMatch(
      /there is no method "deppet"\. Expected fbp, mlem, osem, or the folder of a run\./,
    );
    expect(await said(scan)).toMatch(/this folder is not a run\. Expected a folder with a run\.json/);
  });

  it("reconstructs with a trained run on the run's own pixels, and refuses what it has no use for", async () => {
    const run = join(folder, "run");
    const trained = await gyrus(
      [
        "train",
        "deeppet",
        "--data",
        join(folder, "scans"),
        "--out",
        run,
        "--preset",
        "tiny",
        "--epochs",
        "1",
        "--quiet",
      ],
      folder,
    );
    expect(trained.err + trained.code).toBe("0");
    const judged = await gyrus(["evaluate", run, "--at-least", "0.5", "--quiet"], folder);
    expect(judged.err).toContain(
      "--at-least does not fit: of rRMSE lower values are better. Give --at-most.",
    );
    expect(judged.code).toBe(2);
    expect(existsSync(join(run, "evaluation.json"))).toBe(false);
    const out = join(folder, "network.nii.gz");
    const words = ["--method", run, ...corrections, "--out", out];
    const { code, out: text, err } = await reconstruct(...words);
    expect(err + code).toBe("0");
    expect(text).toMatch(/^1 slice by \S+run in [\d.]+ s: .*nii\.gz, kBq\/ml\n$/);
    const truth = (await readVolume(join(scan, "activity.nii.gz"), { as: "float32" })).volume;
    const { volume } = await readVolume(out, { as: "float32" });
    expect(volume.size).toEqual(truth.size);
    expect(volume.affine.map((value) => value.toFixed(2))).toEqual(
      truth.affine.map((value) => value.toFixed(2)),
    );
    expect((await reconstruct(...words, "--iterations", "3")).err).toMatch(
      /--iterations means nothing to a network/,
    );
    expect((await reconstruct(...words, "--cut-off", "0.5")).err).toMatch(
      /--cut-off means nothing to a network/,
    );
    expect((await reconstruct(...words, "--image-size", "64")).err).toMatch(
      /the sinogram is of another scanner than the network has learnt.*Found imageSize 64/,
    );
  });

  it("takes numbers that are no counts when told", async () => {
    const array = join(folder, "fractions.npy");
    const numbers = Float32Array.from({ length: 48 * 47 }, (_, n) => (n % 47) / 10 - 0.2);
    await writeFile(array, encodeNpy(floats([48, 47], numbers)));
    const words = ["--method", "osem", "--bin-size", "5", "--image-size", "32", "--iterations", "1"];
    const out = join(folder, "fractions.nii.gz");
    const run = (...more: string[]) =>
      gyrus(["reconstruct", array, "--quiet", ...words, "--out", out, ...more], folder);
    const { code, err } = await run();
    expect(err).toContain(
      "slice 0, view 0, bin 0: the sinograms hold a number that no detector counts. Expected whole numbers of 0 or more.",
    );
    expect(err).toContain("--precorrected takes them as they are.");
    expect(code).toBe(2);
    expect(await run("--precorrected")).toMatchObject({ code: 0, err: "" });
  });

  it.each([
    ["prompts.s", (bytes: Buffer) => bytes.subarray(0, 900), "the sinogram file ends early."],
    [
      "prompts.s",
      (bytes: Buffer) => Buffer.from(bytes).fill(0),
      "broken/prompts.hs: the sinograms hold no counts.",
    ],
    [
      "prompts.s",
      (bytes: Buffer) => {
        const copy = Buffer.from(bytes);
        copy.writeFloatLE(Number.NaN, 400);
        return copy;
      },
      "the sinograms hold a number that no detector counts. Expected whole numbers of 0 or more. Found NaN.",
    ],
    [
      "prompts.s",
      (bytes: Buffer) => {
        const copy = Buffer.from(bytes);
        copy.writeFloatLE(-3, 400);
        return copy;
      },
      "Found -3.",
    ],
    ["prompts.hs", edited("LITTLEENDIAN", "MIDDLE"), "the order of the bytes is not known."],
    [
      "prompts.hs",
      edited("number format := float", "number format := ascii"),
      "the number format is not read.",
    ],
    [
      "prompts.hs",
      edited(/^!matrix size \[2\].*$/m, ""),
      "a key of the Interfile header is missing. Expected the key matrix size[2].",
    ],
    [
      "prompts.hs",
      edited("matrix size [1] := 47", "matrix size [1] := 48"),
      "the sinogram file ends early. Expected 9216 bytes",
    ],
    [
      "randoms.hs",
      edited(/size \[2\] := 48([\s\S]*)size \[1\] := 47/, "size [2] := 47$1size [1] := 48"),
      "Views and bins are swapped.",
    ],
    [
      "randoms.hs",
      edited("effective central bin size (cm) := ", "effective central bin size (cm) := 1"),
      "two files of sinograms were made by different scanners.",
    ],
  ] as const)("refuses a broken %s: %#", async (name, breakIt, reason) => {
    const broken = join(folder, "broken");
    await cp(scan, broken, { recursive: true, force: true });
    const path = join(broken, name);
    await writeFile(path, breakIt(await readFile(path)));
    const words = ["--method", "osem", "--randoms", join(broken, "randoms.hs"), "--image-size", "32"];
    const out = join(folder, "never.nii.gz");
    const { code, err } = await gyrus(
      ["reconstruct", join(broken, "prompts.hs"), "--quiet", ...words, "--out", out],
      folder,
    );
    expect(err).toContain(reason);
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  });

  it.each([
    [["--method", "fpb"], 'there is no method "fpb"'],
    [["--method", "fbp", "--iterations", "3"], "--iterations means nothing to fbp."],
    [["--method", "osem", "--subsets", "49"], "Expected a whole number from 1 to 48, the number of views."],
    [["--method", "fbp", "--psf", "4"], "--psf means nothing to fbp."],
    [["--method", "fbp", "--window", "han"], 'there is no window "han". Expected'],
    [["--method", "osem", "--window", "hann"], "--window means nothing to osem."],
    [["--method", "mlem", "--cut-off", "0.5"], "--cut-off means nothing to mlem."],
    [["--method", "osem", "--scatter", "nowhere.hs"], "there is no such file."],
  ] as const)("refuses %j", async (words, reason) => {
    const { code, err } = await reconstruct(...words, "--out", join(folder, "no.nii.gz"));
    expect(err).toContain(reason);
    expect(code).toBe(2);
  });

  it("is told options of the other cohort", async () => {
    const { code, err } = await gyrus(
      ["simulate", "pet", "--out", join(folder, "x"), "--noise", "3"],
      folder,
    );
    expect(err).toContain("--noise belongs to brain. Leave it out, or simulate brain.");
    expect(code).toBe(2);
  });
});
