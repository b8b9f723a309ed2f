import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatOf } from "../../src/io/formats.js";
import { readInterfileFrom, writeInterfileTo } from "../../src/io/interfile.js";
import { parseInterfileHeader } from "../../src/io/interfile-header.js";
import { sinogramLayout } from "../../src/io/interfile-layout.js";
import { nodeFiles } from "../../src/io/node.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-interfile-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sinograms = {
  views: 4,
  bins: 3,
  binSizeMm: 2.5,
  slices: 2,
  sliceSpacingMm: 3.27,
  durationS: 180,
  data: Float32Array.from({ length: 24 }, (_, n) => n / 2),
};

describe("Interfile sinograms", () => {
  it("come back as they were written", async () => {
    const path = join(folder, "own.hs");
    await writeInterfileTo(nodeFiles, path, sinograms);
    const read = await readInterfileFrom(nodeFiles, path);
    expect(read.data).toEqual(sinograms.data);
    expect(read).toMatchObject({
      modality: "pet",
      views: 4,
      bins: 3,
      slicesPerSegment: [2],
      directSegment: 0,
      timingPositions: 1,
      binSizeMm: 2.5,
      evenBins: true,
      startDegrees: 0,
      sliceSpacingMm: 3.27,
      durationS: 180,
    });
  });

  it("are read whatever their order, byte order, type, scale and offset", async () => {
    await writeInterfileTo(nodeFiles, join(folder, "other.hs"), sinograms);
    const text = await readFile(join(folder, "other.hs"), "utf8");
    const changed = text
      .replace("LITTLEENDIAN", "BIGENDIAN")
      .replace("!number format := float", "!number format := unsigned integer")
      .replace("bytes per pixel := 4", "bytes per pixel := 2")
      .replace("factor[1] := 1", "factor[1] := 0.5")
      .replace("bytes[1] := 0", "bytes[1] := 10")
      .replace("label [3] := axial coordinate", "label [3] := view")
      .replace("label [2] := view", "label [2] := axial coordinate")
      .replace("size [3] := { 2}", "size [3] := 4")
      .replace("size [2] := 4", "size [2] := {2}");
    await writeFile(join(folder, "other.hs"), changed);
    const bytes = Buffer.alloc(10 + 48);
    for (let view = 0, n = 0; view < 4; view++)
      for (let slice = 0; slice < 2; slice++)
        for (let bin = 0; bin < 3; bin++, n++) bytes.writeUInt16BE((slice * 4 + view) * 3 + bin, 10 + 2 * n);
    await writeFile(join(folder, "other.s"), bytes);
    expect((await readInterfileFrom(nodeFiles, join(folder, "other.hs"))).data).toEqual(sinograms.data);
  });

  it("that are cut off, too long, or a template are told", async () => {
    const path = join(folder, "cut.hs");
    await writeInterfileTo(nodeFiles, path, sinograms);
    await truncate(join(folder, "cut.s"), 90);
    await expect(readInterfileFrom(nodeFiles, path)).rejects.toThrow(
      "cut.s: the sinogram file ends early. Expected 96 bytes: 2 sinogram(s) of 4 views and 3 bins, 4 bytes a number, as cut.hs says. Found 90. Copy the file again, or correct the header.",
    );
    const template = (await readFile(path, "utf8")).replace("cut.s", "cut.hs");
    await writeFile(path, template);
    await expect(readInterfileFrom(nodeFiles, path)).rejects.toThrow(
      "the header names itself as its data: it is a template of a scanner.",
    );
  });

  it("whose headers are wrong are told, each in one error", async () => {
    const path = join(folder, "bad.hs");
    await writeInterfileTo(nodeFiles, path, sinograms);
    const text = await readFile(path, "utf8");
    const layout = (from: string | RegExp, to: string) => () => {
      expect(text.replace(from, to)).not.toBe(text);
      return sinogramLayout(parseInterfileHeader(text.replace(from, to), "bad.hs"), "bad.hs");
    };
    expect(() => parseInterfileHeader("\u0000\u0001", "bad.s")).toThrow(
      "bad.s: this is no Interfile header. Expected !INTERFILE := in the first line.",
    );
    expect(layout("imagedata byte order := LITTLEENDIAN", "")).toThrow(
      "bad.hs: the order of the bytes is not known. Expected imagedata byte order := LITTLEENDIAN or BIGENDIAN. Found no such key.",
    );
    expect(layout("LITTLEENDIAN", "PDPENDIAN")).toThrow("Found PDPENDIAN.");
    expect(layout("number format := float", "number format := ascii")).toThrow(
      "bad.hs: the number format is not read. Expected float of 4 or 8 bytes, signed integer or unsigned integer of 1, 2 or 4. Found ascii of 4 bytes.",
    );
    expect(layout(/!matrix size \[1\] := 3/, "")).toThrow(
      "bad.hs: a key of the Interfile header is missing. Expected the key matrix size[1]. Found no such key, or nothing behind it.",
    );
    expect(layout(/!matrix size \[2\] := 4/, "!matrix size [2] := four")).toThrow(
      "bad.hs: a key of the Interfile header is not understood. Expected matrix size[2] := numbers. Found four.",
    );
    expect(layout("{ 2}", "{ 2,2}")).toThrow("the axes of the sinograms disagree with each other.");
    expect(layout("data offset in bytes[1] := 0", "data offset in bytes[1] := -4")).toThrow(
      "bad.hs: a key of the Interfile header is not understood. Expected data offset in bytes[1] := a whole number of 0 or more. Found -4.",
    );
    expect(layout("image scaling factor[1] := 1", "image scaling factor[1] := 0")).toThrow(
      "Expected image scaling factor[1] := a number above 0. Found 0.",
    );
    expect(layout("number of time frames := 1", "number of time frames := 3")).toThrow(
      "bad.hs: the file holds several time frames. Expected number of time frames := 1. Found 3. Write each frame to a file of its own, or add them up.",
    );
    expect(layout("imaging modality := PT", "imaging modality := CT")).toThrow(
      "bad.hs: the header is not of a nuclear scan. Expected imaging modality := PT, PET or nucmed. Found CT.",
    );
    expect(layout("tangential coordinate", "x")).toThrow(
      "This is the header of an image: give a sinogram's (.hs).",
    );
    await expect(writeInterfileTo(nodeFiles, join(folder, "a.img"), sinograms)).rejects.toThrow(
      "a.img: the name does not end as an Interfile header's.",
    );
  });
});

if (!existsSync(fileURLToPath(new URL("../../../shared/data/pet-raw/stir/", import.meta.url))))
  console.warn("SKIPPED: the folder ../shared/data/pet-raw is not there");
const raw = fileURLToPath(new URL("../../../shared/data/pet-raw/stir/", import.meta.url));

describe("Interfile where an image is wanted", () => {
  it("is told how sinograms become one", () => {
    const words =
      /An Interfile header is not read\. .*Sinograms \(\.hs\) become an image with gyrus reconstruct/;
    expect(() => formatOf("scan/prompts.hs")).toThrow(words);
    expect(() => formatOf("scan", new TextEncoder().encode("!INTERFILE :=\n"))).toThrow(words);
  });
});

describe("lengths that a header does not know", () => {
  const read = async (...changes: readonly (readonly [RegExp, string])[]) => {
    const path = join(folder, "lengths.hs");
    await writeInterfileTo(nodeFiles, path, sinograms);
    const text = changes.reduce((all, [from, to]) => all.replace(from, to), await readFile(path, "utf8"));
    return sinogramLayout(parseInterfileHeader(text, path), path);
  };

  it("are 0 or -1 as STIR writes them, and no lengths", async () => {
    const layout = await read(
      [/^Distance between rings.*$/m, "Distance between rings (cm) := 0"],
      [/^effective central bin size.*$/m, "effective central bin size (cm) := -1"],
      [/^Default bin size.*$/m, "Default bin size (cm) := -1"],
    );
    expect(layout.sliceSpacingMm).toBeUndefined();
    expect(layout.binSizeMm).toBeUndefined();
  });

  it("of even bins are the scanner's usual ones, not the spacing of its detectors", async () => {
    const layout = await read(
      [/^effective central bin size.*\n/m, ""],
      [/^Default bin size.*$/m, "Default bin size (cm) := 0.33"],
    );
    expect(layout.binSizeMm).toBeCloseTo(3.3, 9);
  });
});

describe.skipIf(!existsSync(raw))(
  "headers of real scanners (SKIPPED where ../shared/data/pet-raw is absent)",
  () => {
    const names = existsSync(raw)
      ? readdirSync(raw, { recursive: true })
          .map(String)
          .filter((name) => name.endsWith(".hs"))
      : [];

    it("are there", () => expect(names.length).toBeGreaterThan(7));

    it.each(names)("%s", (name) => {
      const header = parseInterfileHeader(readFileSync(join(raw, name), "utf8"), name);
      const layout = sinogramLayout(header, name);
      expect(layout.views * layout.bins).toBeGreaterThan(1000);
      expect(layout.slicesPerSegment.length).toBeGreaterThan(0);
      if (name.includes("mMR/template_span11"))
        expect(layout).toMatchObject({
          views: 252,
          bins: 344,
          directSegment: 5,
          order: "by view",
          binSizeMm: 2.08815,
          evenBins: false,
        });
      if (name.includes("Signa")) expect(layout).toMatchObject({ timingPositions: 27, views: 224 });
      if (name.includes("Utah"))
        // Two views in one: their middle is what the header's offset takes back. One ring difference: rings only.
        expect(layout).toMatchObject({ order: "by sinogram", startDegrees: 0, sliceSpacingMm: 6.75 });
      if (name.includes("smalllong"))
        expect(layout).toMatchObject({ axisBin: 37, sliceSpacingMm: 3.27, evenBins: true });
    });

    it("have numbers where numbers are: a scatter estimate, a cylinder, and gzipped SPECT", async () => {
      for (const [name, count] of [
        ["scatter_cylinder.hs", 8960],
        ["examples/recon_demo/smalllong.hs", 129600],
        ["SPECT/PinholeSPECTUB/input.hs", 984256],
      ] as const) {
        const { data } = await readInterfileFrom(nodeFiles, join(raw, name));
        expect(data.length).toBe(count);
        expect(data.every((value) => value > -1 && value < 1e6)).toBe(true);
        expect(data.some((value) => value > 0)).toBe(true);
      }
    });
  },
);
