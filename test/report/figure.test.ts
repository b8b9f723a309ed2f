import fc from "fast-check";
import { decode } from "fast-png";
import { describe, expect, it } from "vitest";
import { type Figure, type OverlayOptions, overlayFigure } from "../../src/report/figure.js";
import { palette, rgbOf } from "../../src/report/palette.js";
import { chooseSlices } from "../../src/report/planes.js";
import { resizeLabels, resizePicture } from "../../src/report/resample2d.js";
import type { Affine, ImageVolume, LabelVolume, Size3 } from "../../src/volume/volume.js";

const ras: Affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
const labels = [{ value: 1, name: "one" }];

function image(size: Size3, affine: Affine, value: (i: number, j: number, k: number) => number): ImageVolume {
  const data = new Float32Array(size[0] * size[1] * size[2]);
  for (let k = 0, at = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++) for (let i = 0; i < size[0]; i++, at++) data[at] = value(i, j, k);
  return { data, size, affine, channels: 1 };
}

function labelMap(
  size: Size3,
  affine: Affine,
  value: (i: number, j: number, k: number) => number,
): LabelVolume {
  return { size, affine, channels: 1, data: Uint8Array.from(image(size, affine, value).data) };
}

/** The colour at a fraction of a panel's width and height. */
function pixel(figure: Figure, panel: number, across: number, down: number): number[] {
  const { x, y, width, height } = figure.panels[panel]!;
  const { data } = decode(figure.png);
  const at = (y + Math.floor(down * height)) * figure.width + x + Math.floor(across * width);
  return [...data.subarray(at * 3, at * 3 + 3)];
}

const grey = (figure: Figure, panel: number, across: number, down: number): number =>
  pixel(figure, panel, across, down)[0]!;

/** Bright where the world coordinate is to the right, in front or above: one image for each direction. */
function halves(axis: number, affine: Affine): ImageVolume {
  const size: Size3 = [8, 10, 12];
  const world = (i: number, j: number, k: number): number =>
    affine[4 * axis]! * i + affine[4 * axis + 1]! * j + affine[4 * axis + 2]! * k + affine[4 * axis + 3]!;
  const middle = world(3.5, 4.5, 5.5);
  return image(size, affine, (i, j, k) => (world(i, j, k) > middle ? 100 : 0));
}

const stored: Record<string, Affine> = {
  "RAS+": ras,
  "LAS+": [-1, 0, 0, 50, 0, 1, 0, -7, 0, 0, 1, 3, 0, 0, 0, 1],
  "LPI+": [-2, 0, 0, 9, 0, -2, 0, 8, 0, 0, -2, 7, 0, 0, 0, 1],
  "PSR+, oblique": [0.1, 0, 1, 4, -1, 0.1, 0.1, 5, 0, 1, -0.1, 6, 0, 0, 0, 1],
};

describe.each(Object.entries(stored))("orientation of a volume stored %s", (_, affine) => {
  it("shows the patient's right on the left of the screen in radiological convention", () => {
    const figure = overlayFigure({ image: halves(0, affine), labels });
    for (const panel of [0, 1]) {
      expect(grey(figure, panel, 0.1, 0.5)).toBeGreaterThan(200);
      expect(grey(figure, panel, 0.9, 0.5)).toBeLessThan(50);
      expect(figure.panels[panel]!.letters).toMatchObject({ left: "R", right: "L" });
    }
  });

  it("shows the patient's right on the right of the screen in neurological convention", () => {
    const figure = overlayFigure({ image: halves(0, affine), labels, convention: "neurological" });
    for (const panel of [0, 1]) {
      expect(grey(figure, panel, 0.1, 0.5)).toBeLessThan(50);
      expect(grey(figure, panel, 0.9, 0.5)).toBeGreaterThan(200);
      expect(figure.panels[panel]!.letters).toMatchObject({ left: "L", right: "R" });
    }
  });

  it("shows anterior at the top of axial and on the left of sagittal panels", () => {
    const figure = overlayFigure({ image: halves(1, affine), labels });
    expect(grey(figure, 0, 0.5, 0.1)).toBeGreaterThan(200);
    expect(grey(figure, 0, 0.5, 0.9)).toBeLessThan(50);
    expect(figure.panels[0]!.letters).toMatchObject({ top: "A", bottom: "P" });
    expect(grey(figure, 2, 0.1, 0.5)).toBeGreaterThan(200);
    expect(grey(figure, 2, 0.9, 0.5)).toBeLessThan(50);
    expect(figure.panels[2]!.letters).toEqual({ left: "A", right: "P", top: "S", bottom: "I" });
  });

  it("shows superior at the top of coronal and sagittal panels", () => {
    const figure = overlayFigure({ image: halves(2, affine), labels });
    for (const panel of [1, 2]) {
      expect(grey(figure, panel, 0.5, 0.1)).toBeGreaterThan(200);
      expect(grey(figure, panel, 0.5, 0.9)).toBeLessThan(50);
    }
  });
});

describe("overlayFigure", () => {
  const size: Size3 = [12, 12, 12];
  const scan = image(size, ras, (i, j, k) => i + j + k);
  const inCube = (low: number, high: number) => (i: number, j: number, k: number) =>
    [i, j, k].every((at) => at >= low && at < high) ? 1 : 0;
  const truth = labelMap(size, ras, inCube(3, 9));
  const color = [...rgbOf(palette[0]!)];
  const draw = (more: Partial<OverlayOptions>): Figure => overlayFigure({ image: scan, labels, ...more });

  it("outlines the truth on its border and nowhere else", () => {
    const figure = draw({ truth });
    const { data } = decode(figure.png);
    const { width } = figure.panels[0]!;
    const perVoxel = width / 12;
    let outlined = 0;
    for (let y = 0; y < 240; y++)
      for (let x = 0; x < width; x++) {
        const at = (y * figure.width + x) * 3;
        if (!color.every((value, c) => data[at + c] === value)) continue;
        outlined++;
        const [u, v] = [x / perVoxel, y / perVoxel];
        const inside = Math.min(u - 3, 9 - (u + 1 / perVoxel), v - 3, 9 - (v + 1 / perVoxel));
        expect(inside).toBeGreaterThan(-1e-6);
        expect(inside * perVoxel).toBeLessThan(2);
      }
    // A square of six voxels of twenty pixels, two pixels of outline on each side.
    expect(outlined).toBe(120 * 120 - 116 * 116);
  });

  it("tints the inside of the prediction and leaves the rest grey", () => {
    const figure = draw({ prediction: truth });
    const [red, , blue] = pixel(figure, 0, 0.5, 0.5);
    expect(red! - blue!).toBeGreaterThan(60);
    const [r, g, b] = pixel(figure, 0, 0.05, 0.5);
    expect([g, b]).toEqual([r, r]);
  });

  it("draws the rows that were asked for, the image alone without any colour", () => {
    const figure = draw({ truth, prediction: truth, rows: ["image", "truth", "prediction", "overlay"] });
    expect(figure.panels).toHaveLength(12);
    expect(figure.height).toBe(4 * 240 + 3 * 6);
    const { data } = decode(figure.png);
    for (let at = 0; at < 240 * figure.width * 3; at += 3)
      if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) throw new Error(`colour at ${at}`);
  });

  it("keeps the shape of anisotropic voxels", () => {
    const affine: Affine = [1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1];
    const { panels } = overlayFigure({ image: image([20, 10, 5], affine, (i) => i), labels });
    for (const { width, height } of panels) expect(width / height).toBeCloseTo(1, 2);
    const slab = overlayFigure({ image: image([60, 60, 5], affine, (i) => i), labels });
    expect(slab.panels[1]!.width / slab.panels[1]!.height).toBeCloseTo(60 / 20, 1);
    expect(slab.panels[2]!.width / slab.panels[2]!.height).toBeCloseTo(120 / 20, 1);
  });

  it("draws a flat image as one panel, first row on top, without letters", () => {
    const flat = image([40, 30, 1], ras, (i, j) => (i < 20 && j < 15 ? 1 : 0));
    const figure = overlayFigure({ image: flat, labels });
    expect(figure.panels).toHaveLength(1);
    expect(figure.convention).toBe("as-stored");
    expect(figure.panels[0]).toMatchObject({ width: 640, height: 480, slice: 0 });
    expect(figure.panels[0]!.letters).toBeUndefined();
    expect(grey(figure, 0, 0.1, 0.1)).toBe(255);
    expect(grey(figure, 0, 0.9, 0.1)).toBe(0);
    expect(grey(figure, 0, 0.1, 0.9)).toBe(0);
  });

  it("gives the same bytes twice", () => {
    const once = draw({ truth, prediction: truth });
    expect(draw({ truth, prediction: truth }).png).toEqual(once.png);
  });

  it("draws a constant image in grey, and one channel of several", () => {
    expect(pixel(overlayFigure({ image: image(size, ras, () => 7), labels }), 0, 0.5, 0.5)).toEqual([
      128, 128, 128,
    ]);
    const two: ImageVolume = {
      ...scan,
      channels: 2,
      data: Float32Array.from([...scan.data, ...scan.data.map((value) => -value)]),
    };
    const first = grey(overlayFigure({ image: two, labels }), 0, 0.05, 0.05);
    const second = grey(overlayFigure({ image: two, labels, channel: 1 }), 0, 0.05, 0.05);
    expect(first + second).toBeGreaterThan(250);
    expect(first + second).toBeLessThan(260);
  });

  it("says where the slices lie", () => {
    const affine: Affine = [-2, 0, 0, 30, 0, 1, 0, -8, 0, 0, 3, 5, 0, 0, 0, 1];
    const figure = overlayFigure({ image: image([10, 10, 10], affine, (i) => i), labels, slices: [2, 3, 4] });
    expect(figure.panels.map(({ plane, slice, positionMm }) => [plane, slice, positionMm])).toEqual([
      ["axial", 4, 17],
      ["coronal", 3, -5],
      ["sagittal", 2, 26],
    ]);
  });

  it("refuses what it cannot draw, with one clear error", () => {
    const moved = { ...truth, affine: ras.map((value, at) => (at === 3 ? 5 : value)) };
    expect(() => draw({ truth: moved, where: "case-7" })).toThrow(
      "case-7: the truth does not lie on the image's grid. Expected the same 12x12x12 voxels in the same place. " +
        "Found first voxels 5 mm (5 voxels) apart, corners up to 5 mm apart. " +
        "Resample the truth to the image's grid first.",
    );
    expect(() => draw({ prediction: labelMap(size, ras, () => 3) })).toThrow(
      "the prediction holds a label that has no name. Expected 0 or one of 1. Found 3.",
    );
    expect(() => draw({ image: image(size, ras, (i) => (i === 4 ? Number.NaN : 1)) })).toThrow(
      "voxel 4 of channel 0 is not a finite number",
    );
    expect(() => draw({ channel: 1 })).toThrow("Expected a channel from 0 to 0. Found 1.");
    expect(() => draw({ slices: [0, 12, 0] })).toThrow("the image has no such slice along j");
  });
});

describe("chooseSlices", () => {
  const size: Size3 = [20, 10, 10];
  it("takes the centre of mass, or the middle where there is no label", () => {
    const map = labelMap(size, ras, (i, j, k) => (i >= 3 && i <= 5 && j === 8 && k === 1 ? 2 : 0));
    expect(chooseSlices(size, map.data)).toEqual([4, 8, 1]);
    expect(chooseSlices(size, new Uint8Array(2000))).toEqual([9, 4, 4]);
    expect(chooseSlices(size, undefined)).toEqual([9, 4, 4]);
  });
  it("does not fall between two structures", () => {
    const map = labelMap(size, ras, (i, j, k) => ((i === 2 || i === 16) && j > 3 && k > 3 ? 1 : 0));
    expect(chooseSlices(size, map.data)[0]).toBe(2);
  });
});

describe("resizePicture", () => {
  const as = { mirrorAcross: false, mirrorDown: false };
  it("agrees with torch.nn.functional.interpolate (bilinear, align_corners=False)", () => {
    const out = resizePicture(Float32Array.of(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8), 4, 3, {
      ...as,
      width: 7,
      height: 5,
    });
    const golden = [
      [3, 2.28571, 1.14286, 2.5, 3.78571, 2.07143, 1],
      [3.8, 3.94286, 4.17143, 3.7, 3.18571, 3.07143, 3],
      [5, 6.42857, 8.71429, 5.5, 2.28572, 4.57143, 6],
      [5, 5.14286, 5.37143, 4.6, 4.04286, 5.98572, 7.2],
      [5, 4.28571, 3.14286, 4, 5.21429, 6.92857, 8],
    ].flat();
    for (const [at, value] of golden.entries()) expect(out[at]).toBeCloseTo(value, 4);
    expect(out).toHaveLength(35);
  });
  it("agrees with torch.nn.functional.interpolate (area) when it shrinks by whole numbers", () => {
    const out = resizePicture(
      Float32Array.from({ length: 24 }, (_, at) => at ** 1.5),
      6,
      4,
      { ...as, width: 3, height: 2 },
    );
    const golden = [8.5543, 14.413, 21.8215, 61.907, 74.0387, 86.8965];
    for (const [at, value] of golden.entries()) expect(out[at]).toBeCloseTo(value, 3);
  });
  it("keeps the mean when it shrinks by any factor, and a constant always", () => {
    const extent = fc.integer({ min: 1, max: 30 });
    fc.assert(
      fc.property(extent, extent, extent, extent, (width, height, toWidth, toHeight) => {
        const constant = resizePicture(new Float32Array(width * height).fill(3), width, height, {
          ...as,
          width: toWidth,
          height: toHeight,
        });
        for (const value of constant) expect(value).toBeCloseTo(3, 5);
        if (toWidth > width || toHeight > height) return;
        const picture = Float32Array.from({ length: width * height }, (_, at) => (at * 37) % 11);
        const out = resizePicture(picture, width, height, { ...as, width: toWidth, height: toHeight });
        const mean = (values: Float32Array): number => values.reduce((a, b) => a + b, 0) / values.length;
        expect(mean(out)).toBeCloseTo(mean(picture), 4);
      }),
    );
  });
  it("mirrors labels and never makes a new one", () => {
    const out = resizeLabels(Uint16Array.of(1, 5, 9), 3, 1, {
      width: 6,
      height: 2,
      mirrorAcross: true,
      mirrorDown: false,
    });
    expect([...out]).toEqual([9, 9, 5, 5, 1, 1, 9, 9, 5, 5, 1, 1]);
  });
});
