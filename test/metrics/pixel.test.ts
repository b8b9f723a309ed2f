import { describe, expect, test } from "vitest";
import { countLabels } from "../../src/metrics/overlap.js";
import { instanceScores, pixelAccuracy } from "../../src/metrics/pixel.js";
import { labels } from "./shapes.js";

/** A picture in letters: digits are labels, dots background. */
const picture = (...rows: string[]) => {
  const data = Uint8Array.from(rows.join("").replaceAll(".", "0"), Number);
  return labels(data, [rows[0]!.length, rows.length, 1]);
};

const cells = picture(
  "111.222.", //
  "111.222.",
  "........",
  "333...44",
);

describe("instance scores", () => {
  test("the objects themselves are found whole", () => {
    const found = instanceScores(cells, cells);
    expect(found).toEqual({ seg: 1, objects: 4, found: 4, components: 4, merged: 0 });
  });

  test("a bridge merges two cells: both are found, badly, and one component is merged", () => {
    const bridged = picture(
      "11111111".replace(/1$/, "."), //
      "111.111.",
      "........",
      "1.....11",
    );
    // The merged component has 13 pixels: 6/13 for each of two cells; 1 of 3 pixels is no match; 2/2 is.
    const score = instanceScores(cells, bridged);
    expect(score.seg).toBeCloseTo((6 / 13 + 6 / 13 + 0 + 1) / 4, 12);
    expect(score).toMatchObject({ objects: 4, found: 3, components: 3, merged: 1 });
  });

  test("exactly half of an object is not a match", () => {
    const half = instanceScores(picture("44.."), picture("1..."));
    expect(half).toMatchObject({ seg: 0, found: 0 });
  });

  test("small components are dropped, and diagonal neighbours join with 8-connectivity", () => {
    const specks = picture("1.1", ".1.", "...");
    const reference = picture("1.1", ".1.", "...");
    expect(instanceScores(reference, specks).components).toBe(3);
    expect(instanceScores(reference, specks, { connectivity: 8 })).toMatchObject({ components: 1, seg: 1 });
    expect(instanceScores(reference, specks, { minimumSize: 2 })).toMatchObject({ components: 0, seg: 0 });
  });

  test("no reference objects: null; other grids are refused", () => {
    expect(instanceScores(picture("...."), picture("11..")).seg).toBeNull();
    expect(() => instanceScores(cells, picture("1.."))).toThrow(/not on one grid/);
    expect(() => instanceScores(cells, cells, { minimumSize: -1 })).toThrow(/Found -1/);
  });
});

test("pixel accuracy counts background, and only the mask", () => {
  const [a, b] = [Uint8Array.of(0, 1, 1, 2), Uint8Array.of(0, 1, 2, 2)];
  expect(pixelAccuracy(countLabels(a, b))).toBe(0.75);
  expect(pixelAccuracy(countLabels(a, b, Uint8Array.of(0, 0, 1, 1)))).toBe(0.5);
  expect(pixelAccuracy(countLabels(a, b, new Uint8Array(4)))).toBeNull();
});
