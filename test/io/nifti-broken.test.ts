import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GyrusError } from "../../src/core/errors.js";
import { encodeNifti, parseNifti } from "../../src/io/nifti.js";
import { inspectPath, readVolume, writeVolume } from "../../src/io/node.js";
import { identityAffine, scalingAffine } from "../../src/volume/affine.js";
import type { Volume } from "../../src/volume/volume.js";

const folder = mkdtempSync(join(tmpdir(), "gyrus-broken-"));
const small: Volume<Int16Array> = {
  data: Int16Array.from({ length: 60 }, (_, at) => at),
  size: [3, 4, 5],
  affine: scalingAffine([1, 2, 3]),
  channels: 1,
};
const whole = encodeNifti(small);

/** A copy of a valid NIfTI-1 file with a change made to it. */
function changed(change: (view: DataView) => void, from = whole): Uint8Array {
  const bytes = from.slice();
  change(new DataView(bytes.buffer));
  return bytes;
}

function onlyOwnErrors(bytes: Uint8Array, name = "a.nii", image?: Uint8Array): void {
  try {
    parseNifti(bytes, name, image === undefined ? {} : { image });
  } catch (error) {
    if (!(error instanceof GyrusError)) throw error;
    expect(error.message).toContain(name);
  }
}

describe("broken headers, each with one error that says what", () => {
  const cases: [string, (view: DataView) => void, string][] = [
    [
      "magic",
      (v) => v.setUint8(344, 0x78),
      'this is not a NIfTI file. Expected the letters "n+1" or "ni1" at byte 344 (NIfTI-1), or "n+2" or "ni2" at byte 4 (NIfTI-2). Found bytes [120, 43, 49, 0] at byte 344 of 472.',
    ],
    [
      "dim[0]",
      (v) => v.setInt16(40, 99, true),
      "the number of dimensions is impossible. Expected dim[0] from 1 to 7. Found 99 (or 25344 in the other byte order).",
    ],
    [
      "zero extent",
      (v) => v.setInt16(44, 0, true),
      "the dimensions are impossible. Expected extents of at least 1. Found 3 x 0 x 5.",
    ],
    ["negative extent", (v) => v.setInt16(44, -4, true), "the dimensions are impossible."],
    [
      "five dimensions",
      (v) =>
        [5, 1, 2, 3, 2, 2].forEach((n, at) => {
          v.setInt16(40 + 2 * at, n, true);
        }),
      "the image has 5 dimensions. Expected three of space and at most one of channels or time. Found 1 x 2 x 3 x 2 x 2.",
    ],
    [
      "too large",
      (v) =>
        [3, 30000, 30000, 30000].forEach((n, at) => {
          v.setInt16(40 + 2 * at, n, true);
        }),
      "the image is too large to be read in one piece. Expected at most 2 GiB of voxels.",
    ],
    [
      "larger than the file",
      (v) => v.setInt16(46, 6, true),
      "the file is shorter than its header promises. Expected 496 bytes for 3x4x6 voxels of int16. Found 472. Copy or download the file again.",
    ],
    [
      "complex",
      (v) => v.setInt16(70, 32, true),
      "the voxels are complex numbers (2 x float32), not one real number each.",
    ],
    ["colours", (v) => v.setInt16(70, 128, true), "the voxels are colours (RGB), not one real number each."],
    ["datatype", (v) => v.setInt16(70, 5, true), "the datatype code 5 does not exist."],
    [
      "vox_offset",
      (v) => v.setFloat32(108, 100, true),
      "the voxels begin at an impossible place. Expected vox_offset of at least 352. Found 100.",
    ],
    [
      "vox_offset NaN",
      (v) => v.setFloat32(108, Number.NaN, true),
      "the voxels begin at an impossible place.",
    ],
    [
      "singular sform",
      (v) => v.setFloat32(280, 0, true),
      "the sform cannot be inverted, so voxels have no place in the world.",
    ],
    ["NaN in the sform", (v) => v.setFloat32(284, Number.NaN, true), "the sform cannot be inverted"],
  ];
  for (const [name, change, message] of cases)
    it(name, () => {
      const read = () => parseNifti(changed(change), "scan.nii");
      expect(read).toThrow(GyrusError);
      expect(read).toThrow(`scan.nii: ${message}`);
    });

  it("a pair without its voxels", () => {
    expect(() =>
      parseNifti(
        changed((v) => v.setUint8(345, 0x69)),
        "a.hdr",
      ),
    ).toThrow("a.hdr: this header belongs to a pair, and its voxels are in another file.");
  });
});

describe("files on the disk", () => {
  const put = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const packed = gzipSync(whole);

  it("truncated gzip, at every length", async () => {
    for (let length = 2; length < packed.length; length += 5) {
      const path = put("cut.nii.gz", packed.subarray(0, length));
      await expect(readVolume(path)).rejects.toThrow(
        /cut\.nii\.gz: (the gzip stream (ends early|is damaged)|the file ends inside)/,
      );
    }
  });

  it("damaged gzip", async () => {
    const bytes = Uint8Array.from(packed);
    bytes[packed.length - 6]! ^= 255;
    await expect(readVolume(put("bad.nii.gz", bytes))).rejects.toThrow(
      /bad\.nii\.gz: the gzip stream is damaged\. Expected a complete \.gz file\. Found incorrect data check\./,
    );
  });

  it("a small gzip that expands without end is refused by its header, not by memory", async () => {
    const bomb = gzipSync(
      changed(
        (v) => v.setInt16(42, 2, true),
        encodeNifti({ ...small, data: new Int16Array(2e7), size: [10000, 2000, 1] }),
      ),
    );
    const { volume } = await readVolume(put("bomb.nii.gz", bomb));
    expect(volume.size).toEqual([2, 2000, 1]);
  });

  it("empty, missing, folder, unknown, refused", async () => {
    await expect(readVolume(put("empty.nii", new Uint8Array(0)))).rejects.toThrow(
      "empty.nii: the file is empty.",
    );
    await expect(readVolume(join(folder, "nowhere.nii"))).rejects.toThrow(
      /nowhere\.nii: there is no such file\. Check the path\./,
    );
    await expect(readVolume(folder)).rejects.toThrow("this is a folder where a file is wanted");
    await expect(readVolume(put("a.txt", new Uint8Array([1, 2, 3])))).rejects.toThrow(
      "a.txt: this is no format that is read. Expected NIfTI-1, NIfTI-2 or Analyze 7.5 (.nii, .nii.gz, .hdr with .img), PNG (.png (grey)).",
    );
    await expect(readVolume(put("scan.nrrd", new Uint8Array(200)))).rejects.toThrow(
      "scan.nrrd: NRRD is not read.",
    );
    await expect(readVolume(put("short.img", new Uint8Array(10)))).rejects.toThrow(
      /short\.img: the voxels of a pair have no header/,
    );
  });

  it("an image file shorter than the header of the pair promises", async () => {
    await writeVolume(join(folder, "pair.hdr"), small);
    put("pair.img", new Uint8Array(119));
    await expect(readVolume(join(folder, "pair.hdr"))).rejects.toThrow(
      /pair\.img: the file is shorter than its header promises\. Expected 120 bytes.*Found 119/,
    );
  });

  it("a gzip under a plain name and plain bytes under a gzip name are read all the same", async () => {
    for (const path of [put("plain.nii", packed), put("packed.nii.gz", whole)])
      expect((await readVolume(path)).volume.data).toEqual(small.data);
  });

  it("inspection lists what is wrong", async () => {
    const data = Float32Array.from(small.data);
    data[7] = Number.NaN;
    const path = join(folder, "nan.nii.gz");
    await writeVolume(path, { ...small, data, affine: identityAffine }, { nonFinite: "keep" });
    const found = await inspectPath(path);
    expect(found.problems.map(({ level, what }) => `${level}: ${what}`)).toEqual([
      "error: 1 of 60 voxels are NaN or infinite, the first at 7",
      "caution: the affine is the identity: voxels of 1 mm from 0 on, which most often means that the geometry was lost",
    ]);
    const cut = await inspectPath(put("cut.nii.gz", packed.subarray(0, 60)));
    expect(cut.problems).toHaveLength(1);
    expect(cut.problems[0]).toMatchObject({ level: "error", fix: "Copy or download the file again" });
  });
});

describe("whatever the bytes, nothing but one clear error", () => {
  it("cut at every byte of the header", () => {
    for (const version of [1, 2] as const) {
      const bytes = encodeNifti(small, { version });
      for (let length = 0; length < bytes.length; length++)
        expect(() => parseNifti(bytes.subarray(0, length), "cut.nii")).toThrow(GyrusError);
    }
  });

  it("random bytes, with and without a beginning like a header's", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => onlyOwnErrors(bytes)));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 348, maxLength: 700 }),
        fc.constantFrom("n+1\0", "ni1\0"),
        (bytes, word) => {
          for (let at = 0; at < 4; at++) bytes[344 + at] = word.charCodeAt(at);
          onlyOwnErrors(bytes, "a.hdr", bytes);
        },
      ),
    );
  });

  it("valid files with a few bytes changed", () => {
    const change = fc.tuple(fc.integer({ min: 0, max: 543 }), fc.integer({ min: 0, max: 255 }));
    for (const version of [1, 2] as const) {
      const bytes = encodeNifti(small, {
        version,
        like: { ...parseNifti(whole, "w").header, extensions: [{ code: 6, data: new Uint8Array(40) }] },
      });
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
          const copy = bytes.slice();
          for (const [at, value] of changes) copy[at] = value;
          onlyOwnErrors(copy);
        }),
        { numRuns: 500 },
      );
    }
  });
});
