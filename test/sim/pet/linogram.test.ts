import { describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { geometryOver, type PetGeometry, petGeometries } from "../../../src/sim/pet/geometry.js";
import { linogramExtents, linogramOf } from "../../../src/sim/pet/linogram.js";
import { buildProjector } from "../../../src/sim/pet/projector.js";

const geometry: PetGeometry = geometryOver(320, { views: 48, bins: 95, imageSize: 64 });
const size = geometry.imageSize;
const linogram = linogramOf(geometry);
const projector = buildProjector(geometry);
const linogramOfImage = (image: Float32Array): Float32Array => {
  const into = new Float32Array(linogram.rows * linogram.columns);
  linogram.resample(projector.forward(image), into);
  return into;
};

/** Centre of mass of a row, in pixels from the middle. */
const centreOf = (data: Float32Array, row: number): number => {
  let [sum, moment] = [0, 0];
  for (let c = 0; c < linogram.columns; c++) {
    const value = data[row * linogram.columns + c]!;
    sum += value;
    moment += value * ((c - (linogram.columns - 1) / 2) / 2);
  }
  return moment / sum;
};

const spot = (i: number, j: number): Float32Array => {
  const image = new Float32Array(size * size);
  image[j * size + i] = 1;
  return image;
};

describe("a linogram", () => {
  it("has a point where its line meets the middle row, or the middle column, of the image", () => {
    const half = linogram.rows / 2;
    const middle = (size - 1) / 2;
    for (const [i, j] of [
      [40, 25],
      [12, 33],
      [31, 50],
    ] as const) {
      const data = linogramOfImage(spot(i, j));
      const [x, y] = [i - middle, j - middle];
      for (let k = 0; k < half; k++) {
        const slope = Math.tan(((k - geometry.views / 4) * Math.PI) / geometry.views);
        expect(centreOf(data, k)).toBeCloseTo(x + y * slope, 0.7);
        expect(centreOf(data, half + k)).toBeCloseTo(y + x * slope, 0.7);
      }
    }
  });

  it("of the image mirrored at its diagonal has its halves exchanged", () => {
    const draw = rng(4);
    const image = Float32Array.from({ length: size * size }, (_, n) => {
      const [i, j] = [(n % size) - 31.5, Math.floor(n / size) - 31.5];
      return i * i + j * j < 25 * 25 ? draw.uniform() : 0;
    });
    const turned = image.map((_, n) => image[(n % size) * size + Math.floor(n / size)]!);
    const [one, two] = [linogramOfImage(image), linogramOfImage(turned)];
    const middle = one.length / 2;
    const exchanged = [...two.subarray(middle), ...two.subarray(0, middle)];
    const largest = Math.max(...one);
    expect(largest).toBeGreaterThan(10);
    for (let n = 0; n < one.length; n++)
      expect(Math.abs(exchanged[n]! - one[n]!) / largest).toBeLessThan(1e-4);
  });

  it("keeps what every view sees in all, per pixel of its own spacing", () => {
    const disc = Float32Array.from({ length: size * size }, (_, n) =>
      Math.hypot((n % size) - 30, Math.floor(n / size) - 34) < 6 ? 1 : 0,
    );
    const data = linogramOfImage(disc);
    const pixels = disc.reduce((sum, value) => sum + value, 0);
    const half = linogram.rows / 2;
    for (let row = 0; row < linogram.rows; row++) {
      const cosine = Math.cos((((row % half) - geometry.views / 4) * Math.PI) / geometry.views);
      const seen = data
        .subarray(row * linogram.columns, (row + 1) * linogram.columns)
        .reduce((sum, value) => sum + value, 0);
      // Half a pixel wide, narrower by the cosine: times the width it is the pixel's area.
      expect((seen * 0.5 * cosine * geometry.pixelSizeMm) / (pixels * geometry.pixelSizeMm ** 2)).toBeCloseTo(
        1,
        1.7,
      );
    }
  });

  it("has the extents that are told beforehand, for every geometry of the house", () => {
    for (const one of Object.values(petGeometries)) {
      const { rows, columns } = linogramOf(one);
      expect([rows, columns]).toEqual(linogramExtents(one));
    }
  });

  it("refuses views that have no two halves", () => {
    expect(() => linogramOf({ ...geometry, views: 46 })).toThrow(
      /^the views do not fall into two halves around 0 and 90 degrees\. Expected a multiple of 4 views from 0 degrees on\. Found 46 views from 0/,
    );
    expect(() => linogramOf({ ...geometry, startDegrees: 5 })).toThrow(/Found 48 views from 5 degrees on/);
  });
});
