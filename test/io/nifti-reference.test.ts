import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { GyrusError } from "../../src/core/errors.js";
import { encodeNifti, parseNifti } from "../../src/io/nifti.js";
import { readVolume } from "../../src/io/node.js";

/** Made by nibabel: files with what it reads in them, and what it reads in files that are not in the repository. */
const golden = JSON.parse(readFileSync(new URL("nifti.golden.json", import.meta.url), "utf8")) as {
  made: {
    name: string;
    header: string;
    image?: string;
    size: number[];
    affine: number[];
    data: number[];
  }[];
  edge: Record<string, { size: number[]; affine: number[]; statistics: (number | null)[] }>;
};

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));

describe("headers as nibabel reads them", () => {
  for (const { name, header, image, size, affine, data } of golden.made)
    it(name, () => {
      const file = /Analyze|pair/.test(name) ? "a.hdr" : "a.nii";
      const read = parseNifti(bytes(header), file, image === undefined ? {} : { image: bytes(image) });
      expect([...read.volume.size, read.volume.channels].slice(0, size.length)).toEqual(size);
      read.volume.affine.forEach((x, at) => {
        expect(x).toBeCloseTo(affine[at]!, 5);
      });
      data.forEach((x, at) => {
        expect(read.volume.data[at]).toBeCloseTo(x, 9);
      });
      if (name.startsWith("Analyze")) return;
      // Written like itself: the same stored voxels, the same header, field by field.
      const again = parseNifti(encodeNifti(read.volume, { like: read.header }), "again.nii");
      const { voxOffset: _, pair: __, raw: ___, ...kept } = read.header;
      expect(again.header).toMatchObject(kept);
      expect(again.volume.data).toEqual(read.volume.data);
      expect(again.volume.affine).toEqual(read.volume.affine);
    });
});

const folder = join(import.meta.dirname, "../../../shared/data/format-edge-cases");
const here = existsSync(folder);
if (!here) console.warn("SKIPPED: the folder ../shared/data/format-edge-cases is not there");

describe.skipIf(!here)("real files of other programs", () => {
  const names = here
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : [];

  /** The one error of every file that is no NIfTI image. */
  const errors: [ending: RegExp, message: RegExp][] = [
    [/\.(PAR|REC)$/, /Philips PAR\/REC is not read.*Convert it with dcm2niix/],
    [/\.mgz$/, /FreeSurfer MGH is not read.*mri_convert/],
    [/\.mnc$/, /MINC is not read.*mnc2nii/],
    [/\.(HEAD|BRIK|BRIK\.gz)$/, /AFNI is not read.*3dAFNItoNIFTI/],
    [/\.dconn\.nii$/, /GIFTI or CIFTI is not read/],
    [/(analyze|nifti1|nifti2)\.hdr$/, /this header belongs to a pair, and its voxels are missing/],
    [/not-nifti\.nii$/, /this is not a NIfTI file\. Expected the letters "n\+1"/],
    [/(COPYING|LICENSE)$/, /this is no format that is read/],
  ];

  it("is a folder of which every file is known", () => {
    expect(names.length).toBeGreaterThan(70);
    for (const key of Object.keys(golden.edge)) expect(names).toContain(join(folder, key));
  });

  for (const path of names) {
    const name = path.slice(folder.length + 1);
    const expected = golden.edge[name];
    if (expected === undefined)
      it(`${name}: one clear error`, async () => {
        const error = await readVolume(path).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error).toBeInstanceOf(GyrusError);
        const { message } = error as GyrusError;
        expect(message.startsWith(`${path}: `)).toBe(true);
        expect(message).toMatch(errors.find(([ending]) => ending.test(name))![1]);
      });
    else
      it(`${name}: as nibabel reads it`, async () => {
        const { volume, header } = await readVolume(path);
        const extents = [...volume.size, volume.channels].filter((n) => n > 1);
        expect(extents).toEqual(expected.size.filter((n) => n > 1));
        volume.affine.forEach((x, at) => {
          expect(x).toBeCloseTo(expected.affine[at]!, 4);
        });
        let [sum, low, high] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
        for (const x of volume.data) {
          if (Number.isNaN(x)) continue;
          sum += x;
          low = Math.min(low, x);
          high = Math.max(high, x);
        }
        const third = volume.data[Math.floor(volume.data.length / 3)]!;
        [sum, low, high, third].forEach((x, at) => {
          const reference = expected.statistics[at]!;
          if (reference === null) expect(x).toBeNaN();
          else expect(Math.abs(x - reference)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(reference)));
        });
        const again = parseNifti(encodeNifti(volume, { like: header!, nonFinite: "keep" }), "again");
        expect(Buffer.compare(Buffer.from(again.volume.data.buffer), Buffer.from(volume.data.buffer))).toBe(
          0,
        );
        expect(again.volume.affine).toEqual(volume.affine);
        expect(again.header.extensions).toEqual(header!.extensions);
      });
  }
});
