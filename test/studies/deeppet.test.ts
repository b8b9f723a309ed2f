import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { petGeometries } from "../../src/sim/pet/geometry.js";
import { packed, unpacked } from "../../src/studies/deeppet/packed.node.js";
import { imagesIn, unseenScans } from "../../src/studies/deeppet/unseen.node.js";
import { reproduce } from "../../src/studies/run.node.js";
import { claimsSchema } from "../../src/studies/study.js";
import { deeppet } from "../../src/systems/deeppet.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-deeppet-study-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = async (name: string, signal?: AbortSignal, resume = false) =>
  reproduce(deeppet, await deeppet.study!(), {
    outDir: join(folder, name),
    seed: 1,
    minutes: 0.05,
    threads: 2,
    resume,
    ...(signal === undefined ? {} : { signal }),
  });

const untimed = (claims: readonly { readonly id: string }[]) =>
  claims.filter(({ id }) => !id.includes("faster"));

describe("the study of DeepPET", () => {
  it("judges every claim, shows every method, and ends the same after an interruption", async () => {
    const whole = await run("whole");
    expect(whole.finished).toBe(true);
    const claims = claimsSchema.parse(JSON.parse(await readFile(join(folder, "whole/claims.json"), "utf8")));
    const own = [
      ...["low", "clinical", "high"].flatMap((level) => [`rrmse-osem-${level}`, `rrmse-fbp-${level}`]),
      "gap-low-high",
      ...["osem", "fbp"].flatMap((rival) => [`ssim-${rival}`, `psnr-${rival}`]),
      ...["osem", "fbp"].map((rival) => `faster-${rival}`),
    ];
    expect(claims.map(({ id }) => id)).toEqual([
      ...own,
      ...own.map((id) => `backprojected-${id}`),
      "rrmse-osem-fbp",
    ]);
    const page = await readFile(join(folder, "whole/report.html"), "utf8");
    for (const words of [
      "REAL IMAGES WERE NOT TRIED",
      "from left to right: corrected sinogram (views downwards), truth, FBP, ML-EM, OSEM, DeepPET, FBP + network",
      "OSEM with 4 subsets at low counts",
      "108× faster",
    ])
      expect(page).toContain(words);
    expect(page.match(/(Holds|Does not hold) here: /g)).toHaveLength(claims.length);

    const controller = new AbortController();
    setTimeout(() => controller.abort(), 400);
    const first = await run("parts", controller.signal);
    const second = first.finished ? first : await run("parts", undefined, true);
    expect(untimed(second.claims)).toEqual(untimed(whole.claims));
  }, 240_000);

  it("keeps floats in JSON to the bit", () => {
    const value = { a: [{ image: Float32Array.of(0.1, -3e-9, 7) }], b: "words", c: null, d: 1.5 };
    expect(unpacked(JSON.parse(JSON.stringify(packed(value))))).toEqual(value);
  });
});

describe("real images", () => {
  const data = join(import.meta.dirname, "../../../shared/data");

  it("go through the simulator: their activity on the scanner's grid, a head's attenuation", async () => {
    const images = await imagesIn(data);
    if (images.length === 0) {
      console.warn("NOT TESTED: slices of real PET images, because ../shared/data is not there");
      return;
    }
    expect(images[0]).toBe("templates-spm/PET.nii.gz");
    const scans = await unseenScans(data, images.slice(0, 2), petGeometries.tiny, 1);
    expect(scans).toHaveLength(6);
    for (const { scan, truth } of scans) {
      expect(Math.max(...truth)).toBeGreaterThan(3);
      expect(Math.max(...truth)).toBeLessThanOrEqual(25);
      // Through the middle of a head about a seventh of the pairs get through.
      const least = Math.min(...scan.attenuation!);
      expect(least).toBeGreaterThan(0.08);
      expect(least).toBeLessThan(0.3);
    }
  });

  it("are none where there is no such folder", async () => {
    expect(await imagesIn(join(folder, "nowhere"))).toEqual([]);
    expect(await imagesIn(undefined)).toEqual([]);
  });
});
