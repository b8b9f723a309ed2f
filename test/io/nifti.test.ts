import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeNifti, parseNifti, type StoredType } from "../../src/io/nifti.js";
import { readVolume, writeVolume } from "../../src/io/node.js";
import { storedTypes } from "../../src/io/voxel-types.js";
import { describeGridDifference, sameGrid } from "../../src/volume/affine.js";
import type { Volume, VoxelArray } from "../../src/volume/volume.js";

const grid = {
  size: [3, 4, 2] as const,
  affine: [-2, 0.1, 0, 10, 0.05, 1.5, 0, -20, 0, 0, 3, 30, 0, 0, 0, 1],
};

/** Small whole numbers that every stored type holds. */
function counting(channels = 1): Volume<Float32Array> {
  return { ...grid, channels, data: Float32Array.from({ length: 24 * channels }, (_, i) => i) };
}

const folder = mkdtempSync(join(tmpdir(), "gyrus-nifti-"));

describe("every stored type, version and container", () => {
  const types = Object.keys(storedTypes) as StoredType[];
  for (const dtype of types)
    for (const version of [1, 2] as const)
      for (const ending of ["nii", "nii.gz", "hdr", "img.gz"])
        it(`${dtype}, NIfTI-${version}, .${ending}`, async () => {
          const path = join(folder, `${dtype}-${version}.${ending}`);
          await writeVolume(path, counting(2), { dtype, version });
          const { volume, header } = await readVolume(path);
          expect(Array.from(volume.data)).toEqual(Array.from(counting(2).data));
          expect(volume.channels).toBe(2);
          expect(header?.format).toBe(`nifti${version}`);
          expect(header?.datatype).toBe(storedTypes[dtype].code);
          expect(describeGridDifference(volume, grid, 1e-4)).toBe("");
          expect(sameGrid(volume, grid)).toBe(true);
        });

  it("leaves nothing but the files asked for", () => {
    expect(readdirSync(folder).filter((name) => name.includes("part"))).toEqual([]);
  });
});

describe("both byte orders", () => {
  for (const dtype of Object.keys(storedTypes) as StoredType[])
    for (const version of [1, 2] as const)
      it(`${dtype}, NIfTI-${version}, big-endian`, () => {
        const like = {
          ...parseNifti(encodeNifti(counting(), { dtype, version }), "a").header,
          littleEndian: false,
        };
        const bytes = encodeNifti(counting(), { like });
        expect(new DataView(bytes.buffer).getInt32(0, false)).toBe(version === 1 ? 348 : 540);
        const { volume, header } = parseNifti(bytes, "big.nii");
        expect(header.littleEndian).toBe(false);
        expect(Array.from(volume.data)).toEqual(Array.from(counting().data));
        expect(sameGrid(volume, grid)).toBe(true);
        expect(encodeNifti(volume, { like: header })).toEqual(bytes);
      });
});

describe("writing", () => {
  const written = (data: VoxelArray, options: Parameters<typeof encodeNifti>[1]) => () =>
    encodeNifti({ ...grid, channels: 1, data }, { name: "out.nii", ...options });

  it("refuses values that an integer type cannot hold, unless the range is to be fitted", () => {
    const data = Float32Array.from({ length: 24 }, (_, i) => i / 7);
    expect(written(data, { dtype: "int16" })).toThrow(
      'out.nii: voxel 1 cannot be stored as int16. Expected whole numbers from -32768 to 32767. Found 0.1428571492433548. Store it as float32 (dtype: "float32"), or let the range be fitted (scaling: "fit").',
    );
    const { volume } = parseNifti(written(data, { dtype: "int16", scaling: "fit" })(), "fit");
    data.forEach((x, i) => {
      expect(volume.data[i]).toBeCloseTo(x, 4);
    });
  });

  it("refuses values that are not finite", () => {
    const data = new Float32Array(24).fill(1);
    data[5] = Number.NaN;
    expect(written(data, {})).toThrow(
      "out.nii: 1 of 24 voxels are not finite. Expected numbers. Found NaN at voxel 5.",
    );
  });

  it("names the folder that is not there", async () => {
    await expect(writeVolume(join(folder, "nowhere", "a.nii"), counting())).rejects.toThrow(
      /nowhere\/a\.nii: the folder does not exist/,
    );
  });
});
