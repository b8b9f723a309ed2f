import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rng } from "../../src/core/rng.js";
import {
  type AugmentationChanges,
  augmentations,
  defineAugmentation,
} from "../../src/transforms/augmentation.js";
import { drawPatch, indexForeground } from "../../src/transforms/patch.js";
import { applyAugmentation, augment, drawAugmentation } from "../../src/transforms/pipeline.js";
import type { Size3 } from "../../src/volume/volume.js";
import { ball, sample, twin } from "./samples.js";

describe("augment", () => {
  const given = sample([20, 18, 16], [1, 1, 1.2], 2);

  test("preset none is a plain crop", () => {
    const patch = augment(augmentations.none, rng(4), given, [8, 10, 6]);
    const { start } = patch.parameters.spatial;
    for (const [i, j, k, c] of [
      [0, 0, 0, 0],
      [7, 9, 5, 1],
      [3, 2, 4, 1],
    ] as const) {
      const source = ((c * 16 + k + start[2]) * 18 + j + start[1]) * 20 + i + start[0];
      expect(patch.image[((c * 6 + k) * 10 + j) * 8 + i]).toBe(given.image.data[source]);
    }
  });

  test.each(Object.entries(augmentations))(
    "preset %s: same seed same bits, finite, no new label",
    (_, spec) => {
      for (let seed = 0; seed < 6; seed++) {
        const once = augment(spec, rng(seed), given, [12, 12, 12]);
        const again = augment(spec, rng(seed), given, [12, 12, 12]);
        expect(again.image).toEqual(once.image);
        expect(again.label).toEqual(once.label);
        expect(once.image).toHaveLength(2 * 12 ** 3);
        expect(once.label!.every((label) => label <= 2)).toBe(true);
      }
    },
  );

  test("parameters are plain data: through JSON and back they make the same patch", () => {
    const everything = defineAugmentation(allOn);
    for (let seed = 0; seed < 4; seed++) {
      const drawn = drawAugmentation(everything, rng(seed), given.image, [10, 9, 8]);
      const read = JSON.parse(JSON.stringify(drawn)) as typeof drawn;
      expect(applyAugmentation(read, given).image).toEqual(applyAugmentation(drawn, given).image);
    }
  });

  test("changing one transform leaves what others draw as it was", () => {
    const without = defineAugmentation({ ...allOn, noise: { probability: 0 }, elastic: { probability: 0 } });
    const a = drawAugmentation(defineAugmentation(allOn), rng(9), given.image, [10, 9, 8]);
    const b = drawAugmentation(without, rng(9), given.image, [10, 9, 8]);
    expect(b.noise).toBeNull();
    expect(b.spatial.elastic).toBeNull();
    expect({ ...b, noise: a.noise, spatial: { ...b.spatial, elastic: a.spatial.elastic } }).toEqual(a);
  });

  test("things happen as often as their probability says", () => {
    const drawn = Array.from({ length: 2500 }, (_, n) =>
      drawAugmentation(augmentations.strong, rng(n), given.image, [8, 8, 8]),
    );
    const share = (happened: (p: (typeof drawn)[number]) => boolean): number =>
      drawn.filter(happened).length / drawn.length;
    expect(share((p) => p.gamma !== null)).toBeCloseTo(0.3, 1);
    expect(share((p) => p.lowResolution !== null)).toBeCloseTo(0.25, 1);
    expect(share((p) => p.spatial.affine.mirror[1])).toBeCloseTo(0.5, 1);
    expect(share((p) => p.spatial.affine.rotationDegrees.some((x) => x !== 0))).toBeCloseTo(0.2, 1);
  });

  test("labels that tell left from right: axis i is never mirrored when it is not listed", () => {
    const spec = defineAugmentation({ mirror: { axes: [1, 2] } }, augmentations.strong);
    for (let seed = 0; seed < 50; seed++)
      expect(drawAugmentation(spec, rng(seed), given.image, [8, 8, 8]).spatial.affine.mirror[0]).toBe(false);
  });

  test("an image with NaN is refused by name", () => {
    const broken = { image: { ...given.image, data: given.image.data.slice().fill(Number.NaN) } };
    expect(() => augment(augmentations.none, rng(1), broken, [4, 4, 4])).toThrow(
      /not a finite number.*gyrus inspect/,
    );
  });
});

describe("drawPatch", () => {
  test("always within the image where it fits, centred where it does not", () => {
    const extent = fc.integer({ min: 1, max: 30 });
    const size = fc.tuple(extent, extent, extent);
    fc.assert(
      fc.property(size, size, fc.integer(), (image, patch, seed) => {
        const start = drawPatch(rng(seed), image, patch);
        start.forEach((first, axis) => {
          const room = image[axis]! - patch[axis]!;
          if (room >= 0) expect(first >= 0 && first <= room).toBe(true);
          else expect([Math.ceil(room / 2), Math.floor(room / 2)]).toContain(first);
        });
      }),
    );
  });

  test("every position is reached", () => {
    const seen = new Set(Array.from({ length: 200 }, (_, n) => drawPatch(rng(n), [9, 9, 1], [5, 9, 1])[0]));
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  test("foreground patches hold their voxel, rare labels as often as common ones", () => {
    const size = [40, 40, 40] as const;
    const labels = ball(size, [1, 1, 1], 9, [-5, 0, 0]);
    const rare = (30 * 40 + 30) * 40 + 35;
    labels[rare] = 2;
    const label = twin(labels, size).label!;
    const foreground = indexForeground(label, 500);
    expect(foreground.values).toEqual([1, 2]);
    expect(foreground.voxels[0]).toHaveLength(500);
    expect(new Set(foreground.voxels[0]).size).toBe(500);
    expect([...foreground.voxels[0]!].every((voxel) => labels[voxel] === 1)).toBe(true);
    expect([...foreground.voxels[1]!]).toEqual([rare]);
    let withRare = 0;
    for (let seed = 0; seed < 200; seed++) {
      const patch: Size3 = [8, 8, 8];
      const start = drawPatch(rng(seed), size, patch, { foreground, foregroundProbability: 1 });
      const out = augment(augmentations.none, rng(seed), { image: twin(labels, size).image, label }, patch, {
        foreground,
        foregroundProbability: 1,
      });
      expect(out.label!.some((value) => value > 0)).toBe(true);
      const holds = [35, 30, 30].every((at, axis) => at >= start[axis]! && at < start[axis]! + 8);
      if (holds) withRare++;
    }
    expect(Math.abs(withRare - 100)).toBeLessThan(30);
  });

  test("an impossible patch size", () => {
    expect(() => drawPatch(rng(1), [9, 9, 9], [4, 0, 4])).toThrow(
      /three positive whole numbers.*Found 4x0x4/,
    );
  });
});

describe("defineAugmentation", () => {
  test("is frozen, and changes only what it is told", () => {
    const spec = defineAugmentation({ gamma: { probability: 1 } }, augmentations.light);
    expect(spec.gamma).toEqual({ probability: 1, range: [0.8, 1.25] });
    expect(spec.noise).toEqual(augmentations.light.noise);
    expect(Object.isFrozen(spec) && Object.isFrozen(spec.gamma)).toBe(true);
  });

  test.each([
    [{ gama: { probability: 1 } }, /gama: .*Expected one of mirror, rotation.* Found the name gama/],
    [{ gamma: { probability: 1.5 } }, /gamma.probability: .*from 0 to 1. Found 1.5/],
    [{ gamma: { range: [2, 1] } }, /gamma.range: .*\[low, high\] with 0.05 ≤ low ≤ high ≤ 20. Found \[2,1\]/],
    [{ noise: { sd: [0, 1] } }, /noise.sd: .*Expected one of probability, share, even. Found the name sd/],
    [{ rotation: { degrees: [-400, 0] } }, /rotation.degrees: .*Found \[-400,0\]/],
    [{ elastic: { nodes: 2.5 } }, /elastic.nodes: .*a whole number from 2 to 32. Found 2.5/],
    [{ elastic: { unit: "cm" } }, /elastic.unit: .*one of mm, voxel. Found "cm"/],
    [{ mirror: { axes: [3] } }, /mirror.axes: .*a list of 0 \(i\), 1 \(j\), 2 \(k\). Found \[3\]/],
    [{ padding: "wrap" }, /padding: .*one of minimum, zero, edge, mirror. Found "wrap"/],
    [{ bias: 1 }, /bias: .*a record of probability, nodes, sigma. Found 1/],
  ])("refuses %j", (changes, message) => {
    expect(() => defineAugmentation(changes as AugmentationChanges)).toThrow(message);
  });
});

const allOn: AugmentationChanges = {
  rotation: { probability: 1 },
  scaling: { probability: 1 },
  elastic: { probability: 1 },
  bias: { probability: 1 },
  blur: { probability: 1 },
  lowResolution: { probability: 1 },
  noise: { probability: 1 },
  brightness: { probability: 1, shift: [-1, 1] },
  contrast: { probability: 1 },
  gamma: { probability: 1 },
  gammaInverted: { probability: 1 },
};
