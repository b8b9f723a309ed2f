import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { floats } from "../../../src/core/tensor.js";
import { writeInterfileTo } from "../../../src/io/interfile.js";
import { nodeFiles } from "../../../src/io/node.js";
import { encodeNpy } from "../../../src/io/npy.js";
import { reconstructEm } from "../../../src/reconstruct/em.js";
import { fbp } from "../../../src/reconstruct/fbp.js";
import { arcCorrect, evenBinsOf } from "../../../src/sim/pet/arc.js";
import { geometryOver, type PetGeometry, petGeometries } from "../../../src/sim/pet/geometry.js";
import { buildProjector } from "../../../src/sim/pet/projector.js";
import {
  companion,
  geometryOf,
  readSinogramsFrom,
  sinogramsToWrite,
} from "../../../src/sim/pet/sinograms.js";
import { discSinogram } from "./discs.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-sinograms-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Where the image's mass is, in mm: to the patient's right, to the front. */
function centroid(image: Float32Array, { imageSize, pixelSizeMm }: PetGeometry): readonly [number, number] {
  let [mass, x, y] = [0, 0, 0];
  image.forEach((value, n) => {
    mass += value;
    x += value * ((n % imageSize) - (imageSize - 1) / 2) * pixelSizeMm;
    y += value * (Math.floor(n / imageSize) - (imageSize - 1) / 2) * pixelSizeMm;
  });
  return [x / mass, y / mass];
}

/**
 * Two sinograms of a disc in a scanner's own directions, x to the right as one faces the bed, y down: the first as
 * deep in the scanner as can be, and as many counts as the second twice.
 */
async function writeInScanner(
  name: string,
  bins: number,
  edit: (header: string) => string = (header) => header,
): Promise<string> {
  const views = 60;
  const binSizeMm = 4;
  const step = binSizeMm;
  const one = new Float32Array(views * bins);
  const [x, y, radius] = [40, 25, 15];
  for (let view = 0; view < views; view++)
    for (let b = 0; b < bins; b++) {
      const angle = (view * Math.PI) / views;
      const s = (b - Math.floor(bins / 2)) * step - (x * Math.cos(angle) + y * Math.sin(angle));
      one[view * bins + b] = 2 * Math.sqrt(Math.max(0, radius * radius - s * s));
    }
  const data = Float32Array.from([...one.map((value) => 2 * value), ...one]);
  const path = join(folder, `${name}.hs`);
  await writeInterfileTo(nodeFiles, path, { views, bins, binSizeMm, slices: 2, sliceSpacingMm: 3, data });
  await writeFile(path, edit(await readFile(path, "utf8")));
  return path;
}

describe("sinograms from Interfile", () => {
  // STIR: head first, on the back, its x runs to the patient's left and its y to the back, its z to the feet.
  it.each([
    ["head_in", "supine", [-40, -25], "upper"],
    ["head_in", "prone", [40, 25], "upper"],
    ["feet_in", "supine", [40, -25], "lower"],
    ["feet_in", "prone", [-40, 25], "lower"],
  ] as const)("are turned by the patient's position: %s, %s", async (orientation, rotation, at, deep) => {
    // With an even number of bins the axis is not in the middle of them.
    for (const bins of [63, 64]) {
      const path = await writeInScanner("position", bins, (header) =>
        header.replace(":= head_in", `:= ${orientation}`).replace(":= supine", `:= ${rotation}`),
      );
      const stack = await readSinogramsFrom(nodeFiles, path);
      const geometry = geometryOf(stack, path, { imageSize: 64, pixelSizeMm: 4 });
      const size = stack.views * stack.bins;
      const slices = [0, 1].map((n) => stack.data.subarray(n * size, (n + 1) * size));
      const total = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0);
      expect(total(slices[deep === "upper" ? 1 : 0]!) / total(slices[deep === "upper" ? 0 : 1]!)).toBeCloseTo(
        2,
        5,
      );
      const image = fbp(slices[0]!, geometry, { window: "hann", nonNegative: true });
      const faint = 0.3 * Math.max(...image);
      for (let v = 0; v < image.length; v++) if (image[v]! < faint) image[v] = 0;
      const [x, y] = centroid(image, geometry);
      expect(Math.hypot(x - at[0], y - at[1])).toBeLessThan(0.1 * geometry.pixelSizeMm);
    }
  });

  it("come back as they were written, in Gyrus's directions", async () => {
    const geometry = petGeometries.tiny;
    const data = discSinogram(geometry, 30, [50, -20], 1);
    const path = join(folder, "own.hs");
    await writeInterfileTo(nodeFiles, path, sinogramsToWrite(geometry, 1, 3.27, data));
    const stack = await readSinogramsFrom(nodeFiles, path);
    expect(stack.data).toEqual(data);
    expect(
      geometryOf(stack, path, { imageSize: geometry.imageSize, pixelSizeMm: geometry.pixelSizeMm }),
    ).toEqual({ ...geometry, binSizeMm: expect.closeTo(geometry.binSizeMm, 6) });
    const even = geometryOver(320, { views: 8, bins: 10, imageSize: 8 });
    expect(() => sinogramsToWrite(even, 1, 3, new Float32Array(80))).toThrow(
      "Interfile cannot say where the axis of these sinograms is. Expected the axis in bin 4 of 10. Found 4.5. Use an odd number of bins.",
    );
    const off = { ...even, axisBin: 4 };
    const tagged = Float32Array.from({ length: 80 }, (_, n) => n);
    await writeInterfileTo(nodeFiles, path, sinogramsToWrite(off, 1, 3, tagged));
    const again = await readSinogramsFrom(nodeFiles, path);
    expect(again).toMatchObject({ axisBin: 4, bins: 10 });
    expect(again.data).toEqual(tagged);
  });

  it("of a time-of-flight scanner are added up", async () => {
    const path = await writeInScanner("flight", 63);
    const plain = await readSinogramsFrom(nodeFiles, path);
    const numbers = await readFile(join(folder, "flight.s"));
    await writeFile(join(folder, "flight.s"), Buffer.concat([numbers, numbers, numbers]));
    const header = (await readFile(path, "utf8"))
      .replace("dimensions := 4", "dimensions := 5")
      .replace(
        "matrix axis label [4]",
        "matrix axis label [5] := timing positions\n!matrix size [5] := 3\nmatrix axis label [4]",
      );
    await writeFile(path, header);
    const summed = await readSinogramsFrom(nodeFiles, path);
    expect(summed.data.length).toBe(plain.data.length);
    summed.data.forEach((value, n) => {
      expect(value).toBeCloseTo(3 * plain.data[n]!, 3);
    });
  });

  it("are refused, each for its reason", async () => {
    const lying = await writeInScanner("side", 63, (header) => header.replace(":= supine", ":= left"));
    await expect(readSinogramsFrom(nodeFiles, lying)).rejects.toThrow(
      "sinograms of a patient in this position are not read. Expected patient orientation := head_in or feet_in, patient rotation := supine or prone. Found head_in, left.",
    );
    const fractional = await writeInScanner("fractional", 63);
    await expect(readSinogramsFrom(nodeFiles, fractional, "counts")).rejects.toThrow(
      /fractional\.hs: slice 0, view 0, bin \d+: the sinograms hold a number that no detector counts\. Expected whole numbers of 0 or more\. Found [\d.]+\. Give the prompts as counted/,
    );
    const uneven = await writeInScanner("uneven", 63, (header) =>
      header.replace("{arc correction}", "{None}").replace(/^Inner ring diameter.*$/m, ""),
    );
    await expect(readSinogramsFrom(nodeFiles, uneven)).rejects.toThrow(
      "sinograms that are not arc-corrected need their ring: bins crowd towards its edge.",
    );
    await expect(readSinogramsFrom(nodeFiles, join(folder, "side.s"))).rejects.toThrow(
      "this is no format that sinograms are read from.",
    );
  });

  it.each([
    [
      "counts",
      -1,
      "the sinograms hold a number that no detector counts. Expected whole numbers of 0 or more.",
    ],
    ["corrected", Number.NaN, "the sinograms hold a number that is none. Expected finite numbers."],
    [
      "expected",
      -1,
      "the expected counts hold a number that is not possible. Expected finite numbers of 0 or more.",
    ],
    ["expected", Number.NaN, "Found NaN."],
    [
      "fractions",
      2,
      "Expected the fraction of photons that get through, 0 to 1. Found 2. Correction factors are the reciprocals: divide 1 by them.",
    ],
    ["efficiencies", Number.POSITIVE_INFINITY, "Expected efficiencies of 0 or more. Found Infinity."],
  ] as const)("as %s name the file, and the place in it, of %d", async (contents, value, words) => {
    const path = await writeInScanner("odd", 63);
    const numbers = new Float32Array((await stat(join(folder, "odd.s"))).size / 4).fill(1);
    numbers[63 * 2 + 5] = value;
    await writeFile(join(folder, "odd.s"), Buffer.from(numbers.buffer));
    const reading = readSinogramsFrom(nodeFiles, path, contents);
    await expect(reading).rejects.toThrow(`${path}: slice 0, view 2, bin 5: `);
    await expect(reading).rejects.toThrow(words);
  });

  it("without a count are told by their file", async () => {
    const path = await writeInScanner("empty", 63);
    await writeFile(join(folder, "empty.s"), Buffer.alloc((await stat(join(folder, "empty.s"))).size));
    await expect(readSinogramsFrom(nodeFiles, path)).rejects.toThrow(
      `${path}: the sinograms hold no counts.`,
    );
    await expect(readSinogramsFrom(nodeFiles, path, "expected")).resolves.toMatchObject({ bins: 63 });
  });

  it("of two files have to come from one scanner", async () => {
    const first = await readSinogramsFrom(nodeFiles, await writeInScanner("first", 63));
    const wide = await writeInScanner("wide", 63, (header) =>
      header.replace("central bin size (cm) := 0.4", "central bin size (cm) := 0.5"),
    );
    const turned = await writeInScanner("turned", 63, (header) =>
      header.replace("View offset (degrees) := 0", "View offset (degrees) := 3"),
    );
    for (const path of [wide, turned]) {
      const other = await readSinogramsFrom(nodeFiles, path);
      expect(() => companion(first, other, path)).toThrow(
        "two files of sinograms were made by different scanners. Expected bins of 4 mm, the first view at 0 degrees, as the prompts have.",
      );
    }
    const transposed = { ...first, views: first.bins, bins: first.views };
    expect(() => companion(first, transposed, "t.hs")).toThrow("Views and bins are swapped.");
  });

  it("of two files have to have their axis in one place, also where bins are even", async () => {
    const prompts = await readSinogramsFrom(nodeFiles, await writeInScanner("even", 64));
    const array = join(folder, "even.npy");
    await writeFile(array, encodeNpy(floats([2, 60, 64], prompts.data)));
    const other = await readSinogramsFrom(nodeFiles, array);
    expect(() => companion(prompts, other, array)).toThrow(
      /even\.npy: two files of sinograms have the scanner's axis in different places\. Expected the axis in bin 31 of 64, as the prompts have it\. Found in bin 31\.5\. Give both in one format/,
    );
    expect(companion(prompts, prompts, "even.hs")).toBe(prompts.data);
    const odd = await readSinogramsFrom(nodeFiles, await writeInScanner("odd", 63));
    await writeFile(array, encodeNpy(floats([2, 60, 63], odd.data)));
    expect(companion(odd, await readSinogramsFrom(nodeFiles, array), array)).toEqual(odd.data);
  });
});

describe("arc correction", () => {
  const ring = { bins: 101, axisBin: 50, radiusMm: 300, stepRadians: Math.PI / 300 };
  const even = evenBinsOf(ring, 3);

  it("keeps counts and averages factors", () => {
    expect(even.bins % 2).toBe(1);
    expect((even.axisBin + 0.5) * even.binSizeMm).toBeLessThanOrEqual(300 * Math.sin((50.5 * Math.PI) / 300));
    const counts = Float32Array.from({ length: 2 * 101 }, (_, n) => (n % 101 > 5 && n % 101 < 95 ? n : 0));
    const total = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0);
    expect(total(arcCorrect(counts, ring, even, "counts")) / total(counts)).toBeCloseTo(1, 5);
    const factors = arcCorrect(new Float32Array(202).fill(0.7), ring, even, "factors");
    for (const value of factors) expect(value).toBeCloseTo(0.7, 5);
  });

  it("gives the image of a disc near the edge of the ring, with its value in its place", () => {
    const views = 120;
    const [x, y, radius, value] = [105, -60, 20, 2];
    const data = new Float32Array(views * ring.bins);
    const below = (s: number): number => {
      const t = Math.max(-1, Math.min(1, s / radius));
      return radius * radius * (t * Math.sqrt(1 - t * t) + Math.asin(t));
    };
    for (let view = 0; view < views; view++)
      for (let b = 0; b < ring.bins; b++) {
        const angle = (view * Math.PI) / views;
        const centre = x * Math.cos(angle) + y * Math.sin(angle);
        const edge = (side: number): number =>
          ring.radiusMm * Math.sin((b + side - ring.axisBin) * ring.stepRadians) - centre;
        // What a strip counts: the area of the disc in it.
        data[view * ring.bins + b] = value * (below(edge(0.5)) - below(edge(-0.5)));
      }
    const geometry: PetGeometry = { views, ...even, startDegrees: 0, imageSize: 100, pixelSizeMm: 2.9 };
    const integrals = arcCorrect(data, ring, even, "counts").map((counts) => counts / even.binSizeMm);
    const image = fbp(integrals, geometry, { window: "hann" });
    let [inside, count] = [0, 0];
    image.forEach((v, n) => {
      const px = ((n % 100) - 49.5) * 2.9;
      const py = (Math.floor(n / 100) - 49.5) * 2.9;
      const away = Math.hypot(px - x, py - y);
      if (away < radius - 9) [inside, count] = [inside + v, count + 1];
      if (away > radius + 9) image[n] = 0;
    });
    expect(Math.abs(inside / count / value - 1)).toBeLessThan(0.01);
    const at = centroid(image, geometry);
    expect(Math.hypot(at[0] - x, at[1] - y)).toBeLessThan(0.1);
  });
});

const raw = fileURLToPath(new URL("../../../../shared/data/pet-raw/stir/", import.meta.url));
if (!existsSync(raw)) console.warn("SKIPPED: the folder ../shared/data/pet-raw is not there");

describe.skipIf(!existsSync(raw))(
  "sinograms of STIR's examples (SKIPPED where ../shared/data/pet-raw is absent)",
  () => {
    it("smalllong: an ellipse is where the moments of its sinogram say, and explains them", async () => {
      const path = join(raw, "examples/recon_demo/smalllong.hs");
      const stack = await readSinogramsFrom(nodeFiles, path);
      expect(stack).toMatchObject({ views: 64, bins: 75, slices: 27, axisBin: 37, sliceSpacingMm: 3.27 });
      const geometry = geometryOf(stack, path, { imageSize: 75, pixelSizeMm: 3 });
      const one = stack.data.subarray(0, 64 * 75);
      const moment = (view: number): number => {
        const row = one.subarray(view * 75, (view + 1) * 75);
        return row.reduce((sum, v, b) => sum + v * (b - 37) * 3, 0) / row.reduce((sum, v) => sum + v, 0);
      };
      // Along x at 0 degrees, along y at 90.
      const truth = [moment(0), moment(32)] as const;
      expect(Math.hypot(...truth)).toBeGreaterThan(20);
      const statistical = reconstructEm(
        { geometry, psfFwhmMm: 0, calibration: 1, prompts: one },
        { iterations: 8, subsets: 8, counts: "signed" },
      ).image;
      for (const image of [fbp(one, geometry, { window: "hann" }), statistical]) {
        const [x, y] = centroid(image, geometry);
        expect(Math.hypot(x - truth[0], y - truth[1])).toBeLessThan(0.3);
        expect(correlation(buildProjector(geometry).forward(image), one)).toBeGreaterThan(0.995);
      }
      expect(() =>
        reconstructEm({ geometry, psfFwhmMm: 0, calibration: 1, prompts: one }, { iterations: 1 }),
      ).toThrow("the prompts hold a number that is no number of counts.");
    });

    it("scatter_cylinder: a ring's bins, made even", async () => {
      const stack = await readSinogramsFrom(nodeFiles, join(raw, "scatter_cylinder.hs"));
      expect(stack).toMatchObject({ views: 32, slices: 8, sliceSpacingMm: 19.62 });
      expect(stack.bins % 2).toBe(1);
      expect(stack.bins).toBeLessThan(35);
    });

    it("SPECT is told", async () => {
      await expect(readSinogramsFrom(nodeFiles, join(raw, "SPECT/PinholeSPECTUB/input.hs"))).rejects.toThrow(
        "SPECT projections cannot be reconstructed. Expected PET sinograms over 180 degrees.",
      );
    });
  },
);

function correlation(a: Float32Array, b: Float32Array): number {
  const mean = (x: Float32Array): number => x.reduce((sum, value) => sum + value, 0) / x.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, n) => {
    ab += (value - ma) * (b[n]! - mb);
    aa += (value - ma) ** 2;
    bb += (b[n]! - mb) ** 2;
  });
  return ab / Math.sqrt(aa * bb);
}
