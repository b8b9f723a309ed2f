import { describe, expect, test } from "vitest";
import { nrmse, psnrDb, ssim } from "../../src/metrics/quality.js";
import type { Size3 } from "../../src/volume/volume.js";

/** Two images by integer formulae that the golden values' Python script shares. */
function pair([ni, nj, nk]: Size3): [Float32Array, Float32Array] {
  const x = new Float32Array(ni * nj * nk);
  const y = new Float32Array(x.length);
  for (let k = 0, v = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, v++) {
        const steps = Math.floor(i / 4) + Math.floor(j / 5) + Math.floor(k / 3);
        x[v] = ((i * 37 + j * 17 + k * 29) % 64) + (steps % 7) * 16;
        y[v] = x[v]! * 0.75 + ((i * 11 + j * 23 + k * 5) % 32);
      }
  return [x, y];
}

describe("image quality", () => {
  // scikit-image 0.25: structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False),
  // peak_signal_noise_ratio and normalized_root_mse(normalization="euclidean"), data_range 160.
  test.each([
    [[32, 24, 1], 0.8665541222132768, 21.529423281532196, 0.15665840250397767],
    [[18, 16, 14], 0.8864019917444425, 21.152568977353194, 0.15312091746619272],
  ] as [Size3, number, number, number][])("golden values at %j", (size, similarity, db, error) => {
    const [x, y] = pair(size);
    expect(ssim(x, y, size, { peak: 160 })).toBeCloseTo(similarity, 9);
    expect(psnrDb(x, y, 160)).toBeCloseTo(db, 6);
    expect(nrmse(x, y)).toBeCloseTo(error, 8);
  });

  test("equal images: SSIM 1, no error, no noise", () => {
    const [x] = pair([16, 14, 1]);
    expect(ssim(x, x, [16, 14, 1], { peak: 160 })).toBeCloseTo(1, 12);
    expect(nrmse(x, x)).toBe(0);
    expect(psnrDb(x, x, 160)).toBe(Number.POSITIVE_INFINITY);
  });

  test("only the mask counts", () => {
    const [x, y] = pair([24, 20, 1]);
    const mask = new Uint8Array(480);
    for (let j = 0; j < 20; j++) mask.fill(1, j * 24, j * 24 + 12);
    const outside = y.map((value, v) => (mask[v] === 1 ? value : 1e4));
    expect(psnrDb(x, outside, 160, mask)).toBe(psnrDb(x, y, 160, mask));
    expect(nrmse(x, outside, mask)).toBe(nrmse(x, y, mask));
    expect(ssim(x, y, [24, 20, 1], { peak: 160, mask })).not.toBe(ssim(x, y, [24, 20, 1], { peak: 160 }));
  });

  test("bad input", () => {
    const [x, y] = pair([8, 8, 1]);
    expect(() => ssim(x, y, [8, 8, 1], { peak: 160 })).toThrow(
      /at least 11 voxels along each axis.*Found 8x8x1/,
    );
    expect(() => psnrDb(x, y, 0)).toThrow(/peak .* not a positive number.*Found 0/);
    expect(() => psnrDb(x, new Float32Array(3), 1)).toThrow(/Expected 64 voxels.*Found 3/);
    expect(() => nrmse(new Float32Array(64), y)).toThrow(/not 0 everywhere/);
    expect(() => psnrDb(x, y, 1, new Uint8Array(64))).toThrow(/an empty mask/);
    expect(() =>
      psnrDb(
        x.map(() => Number.NaN),
        y,
        1,
      ),
    ).toThrow(/not finite/);
  });
});
