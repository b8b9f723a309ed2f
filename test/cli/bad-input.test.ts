import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeNifti } from "../../src/io/nifti.js";
import { scalingAffine } from "../../src/volume/affine.js";
import type { ImageVolume } from "../../src/volume/volume.js";
import { built, gyrus } from "./bin.js";

let folder = "";

beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-bad-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const side = 16;

/** A small volume whose voxels are given by their index; `shiftMm` moves it along the first axis. */
function cube(value: (voxel: number) => number, shiftMm = 0): ImageVolume {
  const data = Float32Array.from({ length: side ** 3 }, (_, voxel) => value(voxel));
  return { data, size: [side, side, side], affine: scalingAffine([1, 1, 1], [shiftMm, 0, 0]), channels: 1 };
}

/** Another image for every subject: equal ones on two sides of a split are refused for that. */
const imageOf = (subject: number): Uint8Array => encodeNifti(cube((voxel) => Math.sin(voxel + subject)));
const image = imageOf(1);
const label = encodeNifti(cube((voxel) => voxel % 2));

/** What was written with one voxel's bytes overwritten: our own writer refuses to write such a thing. */
function spoiled(bytes: Uint8Array, value: number): Uint8Array {
  const copy = bytes.slice();
  new DataView(copy.buffer).setFloat32(copy.length - 4, value, true);
  return copy;
}

interface BadSet {
  readonly subjects?: number;
  readonly image?: Uint8Array;
  readonly label?: Uint8Array;
}

/** A BIDS data set of which only the first subject is bad. */
async function write(name: string, bad: BadSet): Promise<void> {
  for (let n = 1; n <= (bad.subjects ?? 3); n++) {
    const raw = join(folder, name, `sub-0${n}`, "anat");
    const truth = join(folder, name, "derivatives/manual", `sub-0${n}`, "anat");
    await Promise.all([mkdir(raw, { recursive: true }), mkdir(truth, { recursive: true })]);
    await writeFile(join(raw, `sub-0${n}_T1w.nii`), n === 1 ? (bad.image ?? image) : imageOf(n));
    await writeFile(join(truth, `sub-0${n}_dseg.nii`), n === 1 ? (bad.label ?? label) : label);
  }
  await writeFile(join(folder, name, "derivatives/manual/dseg.tsv"), "index\tname\n1\tstripe\n");
}

/** Each: what is bad, and what the one line must say: where, and what. */
const cases: readonly (readonly [name: string, bad: BadSet, line: RegExp])[] = [
  ["one-subject", { subjects: 1 }, /one-subject: a data set with one subject cannot be split\./],
  [
    "not-a-number",
    { image: spoiled(image, Number.NaN) },
    /sub-01_T1w\.nii: .*Found NaN at voxel \(15, 15, 15\)/,
  ],
  [
    "infinite",
    { image: spoiled(image, Infinity) },
    /sub-01_T1w\.nii: .*Found Infinity at voxel \(15, 15, 15\)/,
  ],
  ["constant", { image: encodeNifti(cube(() => 5)) }, /sub-01_T1w\.nii: the image is constant\./],
  ["fractions", { label: spoiled(label, 0.5) }, /sub-01_dseg\.nii: the label map holds fractional values\./],
  ["unnamed-label", { label: spoiled(label, 7) }, /sub-01_dseg\.nii: the label 7 is not in the table/],
  [
    "shifted",
    { label: encodeNifti(cube((voxel) => voxel % 2, 3)) },
    /sub-01_dseg\.nii: the grid is not that of .*sub-01_T1w\.nii\. .* corners up to 3 mm apart/,
  ],
  ["cut-short", { image: image.subarray(0, 5000) }, /sub-01_T1w\.nii: the file is shorter than its header/],
  ["no-image", { image: new TextEncoder().encode("hello".repeat(100)) }, /this is not a NIfTI file\./],
];

describe("training on bad data", () => {
  it.each(cases)("(%s) is refused with one line and leaves no run", async (name, bad, line) => {
    await write(name, bad);
    const words = ["train", "segment-unet", "--preset", "tiny", "--data", name, "--out", `${name}-run`];
    const { code, out, err } = await gyrus([...words, "--epochs", "1", "--quiet"], folder);
    expect(err).toMatch(line);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect([code, out]).toEqual([2, ""]);
    expect(existsSync(join(folder, `${name}-run`))).toBe(false);
  });

  it.each(cases.filter(([name]) => name !== "one-subject"))(
    "(%s) is what inspect finds beforehand",
    async (name, bad) => {
      await write(name, bad);
      const { code, out } = await gyrus(["inspect", name], folder);
      expect(out).toMatch(/^ERROR.*sub-01/m);
      expect(code).toBe(1);
    },
  );
});
