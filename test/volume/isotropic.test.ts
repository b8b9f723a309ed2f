import { describe, expect, test } from "vitest";
import { applyAffine, spacingMm } from "../../src/volume/affine.js";
import { interpolations, toIsotropic } from "../../src/volume/isotropic.js";
import type { Affine, ImageVolume } from "../../src/volume/volume.js";

/** Thick slices along j, turned in the world. */
const affine: Affine = [0, 3.2, 0, -20, 0, 0, 1, 4, -0.8, 0, 0, 9, 0, 0, 0, 1];

/** A smooth bump, 9 mm wide, at a place in mm. */
const bump = ([x, y, z]: readonly [number, number, number]): number =>
  100 * Math.exp(-(((x - 5) / 9) ** 2 + ((y - 15) / 9) ** 2 + ((z + 2) / 9) ** 2));

function image(): ImageVolume {
  const size = [28, 16, 24] as const;
  const data = new Float32Array(28 * 16 * 24);
  for (let k = 0, v = 0; k < 24; k++)
    for (let j = 0; j < 16; j++)
      for (let i = 0; i < 28; i++, v++) data[v] = bump(applyAffine(affine, [i, j, k]));
  return { data, size, affine, channels: 1 };
}

describe("isotropic voxels", () => {
  test.each(interpolations)("%s: values lie where the affine says", (method) => {
    const fine = toIsotropic(image(), { method });
    expect(spacingMm(fine.affine).map((mm) => Number(mm.toFixed(9)))).toEqual([0.8, 0.8, 0.8]);
    expect(fine.size).toEqual([28, 64, 30]);
    let worst = 0;
    for (let k = 0, v = 0; k < 30; k++)
      for (let j = 0; j < 64; j++)
        for (let i = 0; i < 28; i++, v++)
          worst = Math.max(worst, Math.abs(fine.data[v]! - bump(applyAffine(fine.affine, [i, j, k]))));
    const allowed = { nearest: 16, linear: 4, cubic: 0.7, fourier: 0.7 };
    expect(worst).toBeLessThan(allowed[method]);
  });

  test("finer voxels than the target are smoothed first", () => {
    const noisy = image();
    noisy.data.forEach((_, v) => {
      noisy.data[v] = (v % 2) * 100;
    });
    for (const method of ["linear", "cubic", "fourier"] as const) {
      const coarse = toIsotropic(noisy, { method, targetMm: 3.2 });
      expect(coarse.size).toEqual([7, 16, 8]);
      const middle = coarse.data[(4 * 16 + 8) * 7 + 3]!;
      expect(Math.abs(middle - 50)).toBeLessThan(2);
    }
  });

  test("the target may be finer than all spacings", () => {
    expect(toIsotropic(image(), { method: "linear", targetMm: 0.4 }).size).toEqual([56, 128, 60]);
  });

  test("bad input", () => {
    const cubes = toIsotropic(image(), { method: "nearest" });
    const same = () => toIsotropic(cubes, { method: "cubic", where: "iso.nii" });
    expect(same).toThrow(
      /^iso.nii: the scan has voxels of 0.8x0.8x0.8 mm already, so there is nothing to do/,
    );
    expect(toIsotropic(cubes, { method: "cubic", force: true }).size).toEqual(cubes.size);
    expect(() => toIsotropic(image(), { method: "cubic", targetMm: 0.001 })).toThrow(
      /too large.*Found 22400x/,
    );
    expect(() => toIsotropic(image(), { method: "cubic", targetMm: -1 })).toThrow(/not a length.*Found -1/);
    const flat = { ...image(), size: [28, 384, 1] as const };
    expect(() => toIsotropic(flat, { method: "cubic" })).toThrow(/this is a 2-D image.*28x384x1/);
  });
});
