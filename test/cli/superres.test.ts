import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readVolume, writeVolume } from "../../src/io/node.js";
import { spacingMm } from "../../src/volume/affine.js";
import { rangeOf } from "../../src/volume/intensity.js";
import type { ImageVolume } from "../../src/volume/volume.js";
import { shells, thickShells } from "../tasks/superresolution/data.js";
import { built, gyrus, starting } from "./bin.js";

let folder = "";
const at = (name: string): string => join(folder, name);
const scan = thickShells("cli", [30, 28, 24]);

beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-superres-"));
  const write = (name: string, data: Float32Array, changes: Partial<ImageVolume> = {}) =>
    writeVolume(at(name), { ...scan, data, ...changes }, { dtype: "int16" });
  const whole = scan.data.map(Math.round);
  await write("thick.nii.gz", whole);
  await write("empty.nii.gz", new Float32Array(whole.length));
  await write("slice.nii.gz", whole.slice(0, 30 * 28), { size: [30, 28, 1] });
  const two = new Float32Array(2 * whole.length);
  two.set(whole);
  await write("series.nii.gz", two, { channels: 2 });
  await write("moved.nii.gz", whole, { affine: scan.affine.map((x, n) => (n === 3 ? x + 9 : x)) });
  const cubes = shells("cli", [30, 28, 24]);
  await writeVolume(at("cubes.nii.gz"), cubes);
  await mkdir(at("other"));
  await writeFile(at("other/run.json"), JSON.stringify({ system: "segment-unet" }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const quick = ["--preset", "tiny", "--threads", "1"];
const small = ["network.width=8", "network.blocks=1", "patch=16", "batch=4", "epochs=1"].flatMap((one) => [
  "--set",
  one,
]);
const superres = (...words: string[]) => gyrus(["superres", ...words, "--quiet"], folder);

describe("gyrus superres by SMORE", () => {
  it("trains on the scan and writes cubes as the scan was stored; says what it took for granted; the same from the same seed", async () => {
    const words = ["thick.nii.gz", ...quick, ...small, "--set", "stepsPerEpoch=6"];
    const { code, out, err } = await superres(...words, "--out", "a.nii.gz", "--run", "kept");
    expect(err + code).toBe("0");
    expect(out).toMatch(/^a.nii.gz: 30x28x24 voxels of 1x1x1 mm by smore, trained 6 steps in \d+ s\n/);
    expect(out).toContain(
      "Slices are taken to be 4 mm thick, without gaps between them: the file does not say (--thickness, --gap).",
    );
    const { volume, header } = await readVolume(at("a.nii.gz"));
    expect(volume.data).toBeInstanceOf(Int16Array);
    expect(header?.descrip).toBe("Gyrus: super-resolution by SMORE");
    expect(spacingMm(volume.affine).every((mm) => Math.abs(mm - 1) < 1e-5)).toBe(true);
    const [[low, high], [least, most]] = [rangeOf(volume.data), rangeOf(scan.data.map(Math.round))];
    expect(low >= least && high <= most).toBe(true);
    // Again, by itself; and by the networks that were kept.
    const again = await superres(...words, "--out", "b.nii.gz", "--thickness", "4");
    expect(again.out).not.toContain("taken to be");
    expect(existsSync(at("b_smore"))).toBe(false);
    expect(
      (await superres("thick.nii.gz", "--method", "kept", "--out", "c.nii.gz", "--threads", "1")).code,
    ).toBe(0);
    const bytes = await Promise.all(["a", "b", "c"].map((name) => readFile(at(`${name}.nii.gz`))));
    expect(bytes[1]!.equals(bytes[0]!)).toBe(true);
    expect(bytes[2]!.equals(bytes[0]!)).toBe(true);
    const box = ["--gap", "1", "--profile", "box", "--out", "d.nii", "--json"];
    const json = await gyrus(["superres", ...words, ...box], folder);
    expect(JSON.parse(json.out)).toMatchObject({
      method: "smore",
      profile: "box",
      sliceMm: 4,
      thicknessMm: 3,
      steps: 6,
      seed: 1,
    });
  });

  it("interrupted goes on with --resume, with the bits of one that never stopped", async () => {
    const words = ["superres", "thick.nii.gz", ...quick, ...small, "--set", "stepsPerEpoch=40", "--out"];
    const { child, finished } = starting([...words, "parts.nii.gz"], folder);
    let asked = false;
    child.stderr.on("data", (text: Buffer | string) => {
      if (asked || !/step \d/.test(String(text))) return;
      asked = true;
      child.kill("SIGINT");
    });
    const first = await finished;
    expect(first.out).toBe("Interrupted and saved. To go on, give the same command with --resume.\n");
    expect(first.code).toBe(3);
    expect(existsSync(at("parts.nii.gz"))).toBe(false);
    const refused = await gyrus([...words, "parts.nii.gz"], folder);
    expect(refused.err).toContain(
      "parts_smore: a training is there already, perhaps one that was interrupted.",
    );
    const second = await gyrus([...words, "parts.nii.gz", "--resume", "--quiet"], folder);
    expect(second.err).toBe("");
    await gyrus([...words, "whole.nii.gz"], folder);
    const [parts, whole] = await Promise.all(
      ["parts", "whole"].map((name) => readFile(at(`${name}.nii.gz`))),
    );
    expect(parts!.equals(whole!)).toBe(true);
  });

  it.each([
    [["cubes.nii.gz"], "the scan has voxels of 1x1x1 mm already, so there is nothing to do."],
    [
      ["thick.nii.gz", "--target-mm", "5"],
      "the wanted voxels are not finer than the slices. Expected less than 4 mm.",
    ],
    [["thick.nii.gz", "--thickness", "12"], "slices as thick as this cannot be simulated"],
    [["thick.nii.gz", "--acquisition", "3d", "--gap", "1"], "--gap means nothing to a 3-D acquisition"],
    [
      ["thick.nii.gz", "--acquisition", "3d", "--profile", "rf"],
      "--profile means nothing to a 3-D acquisition",
    ],
    [["thick.nii.gz", "--profile", "round"], 'there is no profile "round". Expected gaussian, box, rf'],
    [["thick.nii.gz", "--preset", "big"], 'there is no preset "big". Expected small, tiny, paper'],
    [["thick.nii.gz", "--dtype", "uint8", "--target-mm", "1", "--method", "smor"], 'Did you mean "smore"?'],
    [["thick.nii.gz", "--method", "cubic", "--gap", "1"], "--gap means nothing to cubic. Leave it out"],
    [["thick.nii.gz", "--method", "other"], "the model is of segment-unet, which makes nothing sharper"],
    [["thick.nii.gz", "--mask", "moved.nii.gz"], "the mask is on another grid than thick.nii.gz."],
    [["thick.nii.gz", "--mask", "empty.nii.gz"], "empty.nii.gz: the mask is empty."],
    [["series.nii.gz"], "there are 2 volumes"],
    [["slice.nii.gz"], "this is a 2-D image."],
    [["empty.nii.gz"], "empty.nii.gz: the image is constant."],
  ] as const)("refuses %j", async (words, reason) => {
    const { code, err } = await superres(...words, "--out", "no.nii.gz");
    expect(err).toContain(reason);
    expect(code).toBe(2);
    expect(existsSync(at("no.nii.gz")) || existsSync(at("no_smore"))).toBe(false);
  });

  it("refuses a type that the scan does not fit before it trains", async () => {
    const wide = scan.data.map((value) => Math.round(value * 10));
    await writeVolume(at("wide.nii.gz"), { ...scan, data: wide }, { dtype: "int16" });
    const { code, err } = await superres("wide.nii.gz", "--dtype", "uint8", "--out", "no.nii.gz");
    expect(err).toContain("the scan does not fit uint8. Expected values from 0 to 255");
    expect(code).toBe(2);
  });

  it("takes bspline for cubic", async () => {
    const { out } = await superres("thick.nii.gz", "--method", "bspline", "--out", "spline.nii");
    expect(out).toBe("spline.nii: 30x28x24 voxels of 1x1x1 mm by cubic\n");
  });
});
