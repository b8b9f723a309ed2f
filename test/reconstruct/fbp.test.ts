import { describe, expect, it } from "vitest";
import { fbp } from "../../src/reconstruct/fbp.js";
import { fbpWindows, rampWeights } from "../../src/reconstruct/ramp.js";
import { geometryOver, petGeometries } from "../../src/sim/pet/geometry.js";
import { discImage, discSinogram } from "../sim/pet/discs.js";

describe("the ramp filter", () => {
  it("is Kak and Slaney's at lags 0, 1, 2, 3, and the window's limit is the ramp itself", () => {
    const weights = rampWeights(64, 2);
    expect([...weights.subarray(0, 4)]).toEqual([
      1 / 8,
      -1 / (2 * Math.PI ** 2),
      0,
      -1 / (18 * Math.PI ** 2),
    ]);
    // The frequency response of all lags, near 0, is |f| and not a constant above it.
    const response = (f: number): number =>
      weights.reduce((sum, w, n) => sum + (n === 0 ? 1 : 2) * w * Math.cos(2 * Math.PI * f * n * 2), 0);
    expect(response(0.1)).toBeCloseTo(0.1, 2);
    expect(response(0.02)).toBeCloseTo(0.02, 2);
  });

  it("gets narrower by window and by cut-off, the mean kept", () => {
    const response = (weights: Float64Array, f: number): number =>
      weights.reduce((sum, w, n) => sum + (n === 0 ? 1 : 2) * w * Math.cos(2 * Math.PI * f * n * 2), 0);
    const high = fbpWindows.map((window) => response(rampWeights(128, 2, { window }), 0.2));
    expect(high[0]!).toBeCloseTo(0.2, 2);
    for (let n = 1; n < high.length; n++) expect(high[n]!).toBeLessThan(high[n - 1]!);
    for (const window of fbpWindows)
      expect(response(rampWeights(128, 2, { window, cutOff: 0.5 }), 0.2)).toBeCloseTo(0, 2);
    expect(() => rampWeights(8, 1, { cutOff: 0 })).toThrow(
      "cutOff: the cut-off of the ramp filter is not possible. Expected a fraction of the Nyquist frequency above 0, at most 1. Found 0.",
    );
  });
});

describe("filtered backprojection", () => {
  const geometry = petGeometries.head;
  const disc = [80, [15, -22], 7] as const;
  const sinogram = discSinogram(geometry, ...disc);
  const flat = Uint8Array.from(discImage(geometry, 70, disc[1], 1), (value) => (value === 1 ? 1 : 0));
  const outside = discImage(geometry, 95, disc[1], 1);

  it.each(fbpWindows)(
    "gives a noiseless disc within a hundredth in its flat part, and nothing around it: %s",
    (window) => {
      for (const cutOff of [1, 0.6]) {
        const image = fbp(sinogram, geometry, { window, cutOff });
        let [sum, count] = [0, 0];
        flat.forEach((inside, v) => {
          if (inside === 0) return;
          sum += image[v]!;
          count++;
        });
        expect(Math.abs(sum / count / 7 - 1)).toBeLessThan(0.002);
        // A ramp cut off sharply rings: 1.2 % next to the edge of the flat part.
        const limit = window === "ram-lak" && cutOff < 1 ? 0.015 : 0.01;
        flat.forEach((inside, v) => {
          if (inside === 1) expect(Math.abs(image[v]! / 7 - 1)).toBeLessThan(limit);
        });
        let background = 0;
        outside.forEach((inside, v) => {
          if (inside === 0) background += image[v]!;
        });
        expect(Math.abs(background / outside.length)).toBeLessThan(0.007);
      }
    },
  );

  it("puts a disc's centre where it is, for odd and even numbers of pixels and bins", () => {
    for (const [imageSize, bins] of [
      [64, 95],
      [64, 96],
      [65, 95],
      [65, 96],
    ] as const) {
      const own = geometryOver(320, { views: 96, bins, imageSize });
      const image = fbp(discSinogram(own, 20, [60, 35], 1), own, { window: "hann" });
      let [mass, x, y] = [0, 0, 0];
      image.forEach((value, n) => {
        const px = ((n % imageSize) - (imageSize - 1) / 2) * own.pixelSizeMm;
        const py = (Math.floor(n / imageSize) - (imageSize - 1) / 2) * own.pixelSizeMm;
        if (Math.hypot(px - 60, py - 35) > 35) return;
        mass += value;
        x += value * px;
        y += value * py;
      });
      expect(Math.hypot(x / mass - 60, y / mass - 35)).toBeLessThan(0.02 * own.pixelSizeMm);
    }
  });

  it("keeps negative values unless told, and filters afterwards", () => {
    const image = fbp(sinogram, geometry);
    expect(Math.min(...image)).toBeLessThan(0);
    expect(Math.min(...fbp(sinogram, geometry, { nonNegative: true }))).toBe(0);
    const smooth = fbp(sinogram, geometry, { filterFwhmMm: 12 });
    const sum = (x: Float32Array): number => x.reduce((total, value) => total + value, 0);
    expect(sum(smooth) / sum(image)).toBeCloseTo(1, 3);
    expect(Math.max(...smooth)).toBeLessThan(Math.max(...image));
  });

  it("names a sinogram of another scanner", () => {
    expect(() => fbp(sinogram, petGeometries.small)).toThrow(
      "the sinogram does not fit the scanner. Expected 9120 numbers: 96 views of 95 bins. Found 37056.",
    );
  });
});
