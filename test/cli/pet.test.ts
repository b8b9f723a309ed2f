import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { floats } from "../../src/core/tensor.js";
import { readVolume } from "../../src/io/node.js";
import { encodeNpy } from "../../src/io/npy.js";
import { parseTable } from "../../src/io/tables.js";
import { relativeRmse } from "../../src/metrics/quality.js";
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

describe("gyrus reconstruct", () => {
  it("gives back what gyrus simulate pet put in, by every method", async () => {
    expect((await readdir(scan)).sort()).toEqual(
      [
        "activity.nii.gz",
        ...["attenuation", "prompts", "randoms", "scatter"]
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

  it("takes a map for the attenuation, a NumPy array for the prompts", async () => {
    const out = join(folder, "map.nii.gz");
    const common = ["--method", "fbp", "--image-size", "32", "--out", out] as const;
    const map = ["--attenuation", join(scan, "mumap.nii.gz")];
    expect((await reconstruct(...common, ...map)).code).toBe(0);
    const array = join(folder, "array.npy");
    await writeFile(array, encodeNpy(floats([48, 47], new Float32Array(48 * 47).fill(3))));
    const { code, err } = await gyrus(["reconstruct", array, ...common], folder);
    expect(err).toContain("the file does not say how wide a bin is.");
    expect(err).toContain("Add --bin-size.");
    expect(code).toBe(2);
    expect((await gyrus(["reconstruct", array, ...common, "--bin-size", "5"], folder)).code).toBe(0);
  });

  it.each([
    [["--method", "fpb"], 'there is no method "fpb"'],
    [["--method", "fbp", "--iterations", "3"], "--iterations means nothing to fbp."],
    [["--method", "osem", "--subsets", "49"], "Expected a whole number from 1 to 48, the number of views."],
    [
      ["--method", "osem", "--attenuation", "MUMAP"],
      "the attenuation map is on another grid than the image.",
    ],
    [["--method", "osem", "--scatter", "nowhere.hs"], "there is no such file."],
  ] as const)("refuses %j", async (words, reason) => {
    const given = words.map((word) => (word === "MUMAP" ? join(scan, "mumap.nii.gz") : word));
    const { code, err } = await reconstruct(...given, "--out", join(folder, "no.nii.gz"));
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
