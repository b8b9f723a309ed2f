import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rng } from "../../src/core/rng.js";
import {
  type AffineParameters,
  drawAffine,
  identityAffineParameters,
  invert3,
  linearPart,
  multiply3,
} from "../../src/transforms/affine.js";
import { augmentations } from "../../src/transforms/augmentation.js";
import { drawElastic, type ElasticParameters, minimumJacobian } from "../../src/transforms/elastic.js";
import { applySpatial, type SpatialParameters } from "../../src/transforms/spatial.js";
import type { Size3 } from "../../src/volume/volume.js";
import { ball, centreOfMass, sample, twin } from "./samples.js";

const rest = identityAffineParameters;
const change = (
  size: Size3,
  affine: Partial<AffineParameters> = {},
  elastic: ElasticParameters | null = null,
  start: Size3 = [0, 0, 0],
): SpatialParameters => ({ size, start, affine: { ...rest, ...affine }, elastic });
const still: ElasticParameters = { nodes: [3, 4, 2], displacementMm: new Array(72).fill(0), reduced: 1 };

describe("identity and mirroring", () => {
  test.each([
    [[9, 8, 7], [1, 1, 1], 1],
    [[12, 10, 1], [0.5, 2, 3], 2],
  ] as [Size3, Size3, number][])(
    "identity parameters give the sample back bit for bit, %j",
    (size, mm, channels) => {
      const given = sample(size, mm, channels);
      for (const interpolation of ["linear", "cubic"] as const) {
        const result = applySpatial(change(size), given, { interpolation });
        expect(result.image).toEqual(given.image.data);
        expect(result.label).toEqual(given.label!.data);
        expect(result.inside.every((one) => one === 1)).toBe(true);
      }
    },
  );

  test("a displacement of zero through the whole warp gives the sample back to float rounding", () => {
    const given = sample([9, 8, 7], [1, 2, 0.7]);
    const result = applySpatial(change([9, 8, 7], {}, still), given);
    expect(result.label).toEqual(given.label!.data);
    for (let v = 0; v < result.image.length; v++)
      expect(result.image[v]).toBeCloseTo(given.image.data[v]!, 5);
  });

  test("mirroring twice is the identity; once reverses the axis", () => {
    const size = [5, 4, 3] as const;
    const given = sample(size);
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), fc.boolean(), (i, j, k) => {
        const flip = change(size, { mirror: [i, j, k] });
        const once = applySpatial(flip, given);
        const [x, y, z] = [i ? 3 : 1, j ? 2 : 1, k ? 0 : 2];
        expect(once.image[(z * 4 + y) * 5 + x]).toBe(given.image.data[(2 * 4 + 1) * 5 + 1]);
        const again = applySpatial(flip, {
          image: { ...given.image, data: once.image },
          label: { ...given.label!, data: once.label! },
        });
        expect(again.image).toEqual(given.image.data);
        expect(again.label).toEqual(given.label!.data);
      }),
    );
  });
});

describe("affine changes", () => {
  test("a quarter turn about k moves i to j", () => {
    const size = [5, 5, 1] as const;
    const labels = new Uint8Array(25);
    labels[2 * 5 + 4] = 1; // +2 along i
    const turned = applySpatial(change(size, { rotationDegrees: [0, 0, 90] }), twin(labels, size));
    expect([...turned.label!].indexOf(1)).toBe(4 * 5 + 2); // +2 along j
  });

  test("translation and scale are in mm, whatever the spacing, about the patch's centre", () => {
    const size = [40, 30, 24] as const;
    const mm = [0.8, 1, 1.6] as const;
    const given = twin(ball(size, mm, 6), size, mm);
    const moved = applySpatial(change(size, { translationMm: [3, -2, 4] }), given);
    // The interpolated image moves by fractions of a voxel, the nearest label by whole ones.
    const centre = centreOfMass(moved.image, size, mm);
    for (const [axis, expected] of [3, -2, 4].entries()) expect(centre[axis]).toBeCloseTo(expected, 4);
    const nearest = centreOfMass(moved.label!, size, mm);
    for (const [axis, expected] of [3, -2, 4].entries())
      expect(Math.abs(nearest[axis]! - expected)).toBeLessThanOrEqual(mm[axis]! / 2 + 1e-9);
    const mlOf = (mask: Uint8Array): number => mask.reduce((sum, value) => sum + value, 0);
    const grown = applySpatial(change(size, { scale: [1.5, 1.5, 1.5] }), given);
    expect(mlOf(grown.label!) / mlOf(given.label!.data as Uint8Array)).toBeCloseTo(1.5 ** 3, 0);
    const wide = applySpatial(change(size, { scale: [1.5, 1, 1] }), given);
    expect(mlOf(wide.label!) / mlOf(given.label!.data as Uint8Array)).toBeCloseTo(1.5, 1);
  });

  test("mirroring is the last of all: a ball moved to the right and mirrored is on the left", () => {
    const size = [40, 20, 20] as const;
    const given = twin(ball(size, [1, 1, 1], 4), size);
    const result = applySpatial(
      change(size, { translationMm: [7, 0, 0], mirror: [true, false, false] }),
      given,
    );
    expect(centreOfMass(result.label!, size, [1, 1, 1])[0]).toBeCloseTo(-7, 6);
  });

  test("a change and its inverse bring a smooth image back", () => {
    const size = [32, 32, 32] as const;
    const data = Float32Array.from({ length: 32 ** 3 }, (_, v) => {
      const [i, j, k] = [v % 32, Math.floor(v / 32) % 32, Math.floor(v / 1024)];
      return Math.sin(i / 4) + Math.cos(j / 5) * Math.sin(k / 6);
    });
    const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const image = { data, size, affine, channels: 1 };
    const there = applySpatial(
      change(size, { rotationDegrees: [0, 0, 20], translationMm: [2, 0, 0] }),
      { image },
      {
        interpolation: "cubic",
      },
    );
    // (R x + t)⁻¹ = R⁻¹ x - R⁻¹ t
    const t = (20 * Math.PI) / 180;
    const back = applySpatial(
      change(size, { rotationDegrees: [0, 0, -20], translationMm: [-2 * Math.cos(t), 2 * Math.sin(t), 0] }),
      { image: { ...image, data: there.image } },
      { interpolation: "cubic" },
    );
    let worst = 0;
    for (let k = 10; k < 22; k++)
      for (let j = 10; j < 22; j++)
        for (let i = 10; i < 22; i++) {
          const v = (k * 32 + j) * 32 + i;
          worst = Math.max(worst, Math.abs(back.image[v]! - data[v]!));
        }
    expect(worst).toBeLessThan(0.01);
  });

  test("the linear part has the determinant of its scales, and its inverse is its inverse", () => {
    const angle = fc.double({ min: -60, max: 60, noNaN: true });
    const factor = fc.double({ min: 0.5, max: 2, noNaN: true });
    fc.assert(
      fc.property(
        fc.tuple(angle, angle, angle),
        fc.tuple(factor, factor, factor),
        (rotationDegrees, scale) => {
          const m = linearPart({ ...rest, rotationDegrees, scale, shearDegrees: [5, -10, 20] });
          const product = multiply3(m, invert3(m));
          for (let n = 0; n < 9; n++) expect(product[n]).toBeCloseTo(n % 4 === 0 ? 1 : 0, 9);
        },
      ),
    );
  });

  test("in 2-D and in thick slices everything stays in the plane", () => {
    const spec = {
      ...augmentations.none,
      rotation: { probability: 1, degrees: [-90, 90] as const },
      scaling: { probability: 1, factor: [0.5, 2] as const, anisotropic: true },
      shear: { probability: 1, degrees: [-20, 20] as const },
      translation: { probability: 1, mm: [-9, 9] as const },
    };
    for (const context of [
      { size: [64, 64, 1] as const, spacingMm: [1, 1, 1] as const, channels: 1 },
      { size: [64, 64, 16] as const, spacingMm: [0.6, 0.6, 3.6] as const, channels: 1 },
    ])
      for (let seed = 0; seed < 20; seed++) {
        const p = drawAffine(spec, rng(seed), context);
        const m = linearPart(p);
        expect([m[2], m[5], m[6], m[7], m[8]].map((value) => Math.abs(value!))).toEqual([0, 0, 0, 0, 1]);
        expect(p.translationMm[2]).toBe(0);
        expect(p.rotationDegrees[2]).not.toBe(0);
      }
  });
});

describe("elastic displacement", () => {
  const context = { size: [40, 48, 32] as const, spacingMm: [1, 0.8, 1.5] as const, channels: 1 };

  test("space never folds, however strong the field, and gentle fields are left as drawn", () => {
    for (let seed = 0; seed < 12; seed++) {
      const spec = { probability: 1, nodes: 5, unit: "mm" as const };
      const wild = drawElastic({ ...spec, sigma: [30, 30] }, rng(seed), context)!;
      expect(wild.reduced).toBeLessThan(1);
      expect(minimumJacobian(wild, context)).toBeGreaterThan(0.1);
      const gentle = drawElastic({ ...spec, sigma: [0.3, 0.3] }, rng(seed), context)!;
      expect(gentle.reduced).toBe(1);
    }
  });

  test("the Jacobian of a known stretch: u = x/4 along i makes 5/4 everywhere", () => {
    const extent = 39;
    const displacementMm = [-extent / 8, 0, 0, extent / 8, 0, 0];
    const field: ElasticParameters = { nodes: [2, 1, 1], displacementMm, reduced: 1 };
    expect(minimumJacobian(field, context)).toBeCloseTo(1.25, 12);
  });

  test("the 2015 U-Net's field: 3x3 vectors with a standard deviation of 10 pixels, in the plane", () => {
    const flat = { size: [512, 512, 1] as const, spacingMm: [0.5, 2, 1] as const, channels: 1 };
    const pixels: number[] = [];
    for (let seed = 0; seed < 60; seed++) {
      const field = drawElastic(augmentations.unet2015.elastic, rng(seed), flat)!;
      expect(field.nodes).toEqual([3, 3, 1]);
      expect(field.reduced).toBe(1);
      field.displacementMm.forEach((mm, n) => {
        if (n % 3 === 2) expect(mm).toBe(0);
        else pixels.push(mm / flat.spacingMm[n % 3]!);
      });
    }
    const deviation = Math.sqrt(pixels.reduce((sum, x) => sum + x * x, 0) / pixels.length);
    expect(Math.abs(deviation - 10)).toBeLessThan(0.8);
  });

  test("a displacement at the nodes arrives at the nodes: the spline passes through its vectors", () => {
    const size = [41, 41, 1] as const;
    const displacementMm = new Array<number>(27).fill(0);
    displacementMm[4 * 3] = 3; // the middle node: read 3 mm to the right
    const ramp = Float32Array.from({ length: 41 * 41 }, (_, v) => v % 41);
    const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const image = { data: ramp, size, affine, channels: 1 };
    const field = { nodes: [3, 3, 1] as const, displacementMm, reduced: 1 };
    const { image: out } = applySpatial(change(size, {}, field), { image });
    expect(out[20 * 41 + 20]).toBeCloseTo(23, 5);
    for (const [i, j] of [
      [0, 0],
      [40, 20],
      [20, 0],
      [20, 40],
    ] as const)
      expect(out[j * 41 + i]).toBeCloseTo(i, 5);
  });
});

describe("patches out of a larger scan", () => {
  test("image and label move together, and no label is made up", () => {
    const size = [30, 28, 26] as const;
    const given = twin(ball(size, [1, 1, 1], 8), size);
    for (let seed = 0; seed < 8; seed++) {
      const context = { size: [20, 24, 18] as const, spacingMm: [1, 1, 1] as const, channels: 1 };
      const affine = drawAffine(augmentations.strong, rng(seed), context);
      const elastic = drawElastic(
        { probability: 1, nodes: 4, sigma: [1, 3], unit: "mm" },
        rng(seed),
        context,
      );
      const out = applySpatial({ size: context.size, start: [4, 2, 5], affine, elastic }, given);
      // Where the interpolated image is purely inside or outside, the label must say the same.
      const wrong = out.label!.filter(
        (label, v) => label > 1 || ((out.image[v] === 0 || out.image[v] === 1) && label !== out.image[v]),
      );
      expect(wrong).toHaveLength(0);
      expect(out.label!.reduce((sum, label) => sum + label, 0)).toBeGreaterThan(500);
    }
  });

  test("context outside the patch is used: rotating a patch inside a scan leaves no padding", () => {
    const given = sample([64, 64, 8]);
    const p = change([32, 32, 8], { rotationDegrees: [0, 0, 37] }, null, [16, 16, 0]);
    expect(applySpatial(p, given).inside.every((one) => one === 1)).toBe(true);
  });

  test("a patch larger than the image: padding, label 0 and inside 0 outside", () => {
    const given = sample([4, 3, 2]);
    const p = change([6, 5, 4], {}, null, [-1, -1, -1]);
    const lowest = Math.min(...given.image.data);
    const out = applySpatial(p, given);
    expect(out.inside.reduce((sum, one) => sum + one, 0)).toBe(24);
    for (let v = 0; v < out.inside.length; v++)
      if (out.inside[v] === 0) expect([out.image[v], out.label![v]]).toEqual([lowest, 0]);
    expect(out.image[(1 * 5 + 1) * 6 + 1]).toBe(given.image.data[0]);
    const mirrored = applySpatial(p, given, { padding: "mirror" });
    expect(mirrored.image[0]).toBe(given.image.data[(1 * 3 + 1) * 4 + 1]);
    expect(mirrored.inside.every((one) => one === 1)).toBe(true);
    expect(applySpatial(p, given, { padding: "edge" }).image[0]).toBe(given.image.data[0]);
    expect(applySpatial(p, given, { padding: "zero" }).image[0]).toBe(0);
  });

  test("bad input: another grid, a label above 255", () => {
    const given = sample([4, 4, 4]);
    const label = { ...given.label!, size: [4, 4, 2] as const, data: new Uint8Array(32) };
    expect(() => applySpatial(change([4, 4, 4]), { ...given, label })).toThrow(
      /image and label are not on one grid. Expected a label of 4x4x4 .* Found 4x4x2/,
    );
    const large = { ...given.label!, data: new Uint16Array(64).fill(1035) };
    expect(() => applySpatial(change([4, 4, 4]), { ...given, label: large })).toThrow(
      /Expected labels from 0 to 255. Found 1035. Map the labels/,
    );
  });
});
