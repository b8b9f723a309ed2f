import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { identityAffine } from "../../src/volume/affine.js";
import {
  connectedComponents,
  largestComponent,
  withoutSmallComponents,
} from "../../src/volume/components.js";
import { distanceTransform } from "../../src/volume/distance.js";
import type { Size3, Volume } from "../../src/volume/volume.js";

interface Labelled {
  readonly n: number;
  readonly labels: readonly number[];
}
/** Made by scipy.ndimage.label and distance_transform_edt on random masks. */
const golden = JSON.parse(readFileSync(new URL("components.golden.json", import.meta.url), "utf8")) as {
  mask: string;
  size: Size3;
  cc6: Labelled;
  cc18: Labelled;
  cc26: Labelled;
  sparse: string;
  edt: number[];
};

const mask = (digits: string, size: Size3): Volume<Uint8Array> => ({
  data: Uint8Array.from(digits, Number),
  size,
  affine: identityAffine,
  channels: 1,
});

describe("connected components", () => {
  for (const connectivity of [6, 18, 26] as const)
    it(`numbers ${connectivity}-connected components as scipy does`, () => {
      const { volume, count, sizes } = connectedComponents(mask(golden.mask, golden.size), connectivity);
      expect(count).toBe(golden[`cc${connectivity}`].n);
      expect(Array.from(volume.data)).toEqual(golden[`cc${connectivity}`].labels);
      expect(sizes.reduce((a, b) => a + b, 0)).toBe(golden.mask.replaceAll("0", "").length);
    });

  it("joins pixels at corners with 8 and not with 4", () => {
    const diagonal = mask("100010001", [3, 3, 1]);
    expect(connectedComponents(diagonal, 4).count).toBe(3);
    expect(connectedComponents(diagonal, 8).count).toBe(1);
    expect(() => connectedComponents(mask("10000001", [2, 2, 2]), 8)).toThrow(
      "connectivity 8 is of 2-D images. Expected 6, 18 or 26 for a volume. Found size 2x2x2.",
    );
  });

  it("keeps touching labels apart when asked to, drops the small ones, and finds the largest", () => {
    const labels = mask("112220001", [9, 1, 1]);
    expect(connectedComponents(labels, 6).count).toBe(2);
    expect(connectedComponents(labels, 6, { sameValue: true }).sizes).toEqual([2, 3, 1]);
    expect(Array.from(withoutSmallComponents(labels, 3, 6).data)).toEqual([0, 0, 2, 2, 2, 0, 0, 0, 0]);
    expect(Array.from(largestComponent(labels, 6).data)).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0]);
    expect(Array.from(largestComponent(mask("000", [3, 1, 1])).data)).toEqual([0, 0, 0]);
  });
});

describe("distance transform", () => {
  it("agrees with scipy on anisotropic voxels", () => {
    const distances = distanceTransform(Uint8Array.from(golden.sparse, Number), golden.size, [1.3, 0.7, 2.5]);
    distances.forEach((mm, at) => {
      expect(mm).toBeCloseTo(golden.edt[at]!, 5);
    });
  });

  it("agrees with the search over all pairs", () => {
    fc.assert(
      fc.property(
        fc.tuple(
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 5 }),
        ),
        fc.tuple(fc.double({ min: 0.1, max: 9, noNaN: true }), fc.constant(1), fc.constant(2.3)),
        fc.array(fc.boolean(), { minLength: 125, maxLength: 125 }),
        ([ni, nj, nk], [si, sj, sk], bits) => {
          const data = Uint8Array.from({ length: ni * nj * nk }, (_, at) => (bits[at] ? 1 : 0));
          const found = distanceTransform(data, [ni, nj, nk], [si, sj, sk]);
          const where = (at: number) =>
            [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))] as const;
          found.forEach((mm, at) => {
            let nearest = Number.POSITIVE_INFINITY;
            data.forEach((value, other) => {
              const [p, q] = [where(at), where(other)];
              const apart = Math.hypot((p[0] - q[0]) * si, (p[1] - q[1]) * sj, (p[2] - q[2]) * sk);
              if (value) nearest = Math.min(nearest, apart);
            });
            if (nearest === Number.POSITIVE_INFINITY) expect(mm).toBe(nearest);
            else expect(mm).toBeCloseTo(nearest, 4);
          });
        },
      ),
      { numRuns: 60 },
    );
  });
});
