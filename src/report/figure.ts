import { encode } from "fast-png";
import { fail } from "../core/errors.js";
import { describeGridDifference, sameGrid, spacingMm } from "../volume/affine.js";
import type { Grid, ImageVolume, LabelVolume, Size3 } from "../volume/volume.js";
import { type FigureRow, paint } from "./paint.js";
import { colorAt, type Rgb, rgbOf } from "./palette.js";
import {
  type Convention,
  chooseSlices,
  type EdgeLetters,
  type Plane,
  type PlaneView,
  planeViews,
  slicePositionMm,
} from "./planes.js";
import { type Resize, resizeLabels, resizePicture } from "./resample2d.js";
import { greyLevels } from "./window.js";

export interface FigureLabel {
  readonly value: number;
  readonly name: string;
}

export interface OverlayOptions {
  readonly image: ImageVolume;
  readonly truth?: LabelVolume | undefined;
  readonly prediction?: LabelVolume | undefined;
  /** Every label that occurs in truth or prediction, background (0) aside; the order gives the colours. */
  readonly labels: readonly FigureLabel[];
  /** Which channel of the image is the grey background; 0 by default. */
  readonly channel?: number;
  /** `radiological` by default; `as-stored` for pictures (a volume of one slice along k). */
  readonly convention?: Convention;
  /** Rows from top to bottom; `["overlay"]` by default. */
  readonly rows?: readonly FigureRow[];
  /** Slice index along i, j and k; by default through the middle of the labels, see `chooseSlices`. */
  readonly slices?: Size3;
  /** Height of the panels in pixels (no panel is wider than twice that): 240, or 480 for a flat image. */
  readonly panelPixels?: number;
  /** Name of the case, for errors. */
  readonly where?: string;
}

/** One panel of the bitmap: where it lies (pixels), what it shows. */
export interface FigurePanel {
  readonly plane: Plane;
  readonly row: FigureRow;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Voxel index of the slice along the axis that the plane is perpendicular to. */
  readonly slice: number;
  /** World coordinate of the slice: x for sagittal, y for coronal, z for axial. Absent for pictures. */
  readonly positionMm?: number;
  readonly letters?: EdgeLetters;
}

/** An RGB PNG and what is needed to letter it: text is laid over it in HTML, so that it stays sharp. */
export interface Figure {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly convention: Convention;
  readonly panels: readonly FigurePanel[];
  readonly legend: readonly { readonly name: string; readonly color: string }[];
}

const gap = 6;

/**
 * Draw axial, coronal and sagittal panels of an image side by side, with labels over it.
 *
 * Panels have one height and the shape that they have in millimetres, whatever the voxels' shape; one pixel is
 * the same length across and down, not from panel to panel. The image is windowed between its 0.5th and 99.5th percentile; labels are sampled by nearest voxel, outlines are one
 * or two pixels wide and lie inside the label that they outline. A volume of one slice gives one panel.
 *
 * Throws `geometry` when truth or prediction lie on another grid, `bad-data` for a label without a name or a
 * voxel that is not finite, `bad-argument` for a channel or slice that is not there.
 */
export function overlayFigure(options: OverlayOptions): Figure {
  const { image, truth, prediction, labels, channel = 0, where } = options;
  check(options);
  const { size } = image;
  const convention = options.convention ?? (size[2] === 1 ? "as-stored" : "radiological");
  const rows = options.rows ?? ["overlay"];
  const slices = options.slices ?? chooseSlices(size, hasLabels(truth) ? truth!.data : prediction?.data);
  const views = planeViews(image, convention);
  const steps = spacingMm(image.affine);
  const panelPixels = options.panelPixels ?? (views.length === 1 ? 480 : 240);
  const sizes = views.map((view) => panelSize(size, steps, view, panelPixels));
  const rowHeight = Math.max(...sizes.map((panel) => panel.height));
  const width = sizes.reduce((sum, panel) => sum + panel.width, gap * (views.length - 1));
  const height = rowHeight * rows.length + gap * (rows.length - 1);
  const data = new Uint8Array(width * height * 3);
  const named = labels.filter(({ value }) => value !== 0);
  const colors: (Rgb | undefined)[] = [];
  named.forEach(({ value }, index) => {
    colors[value] = rgbOf(colorAt(index));
  });
  const grey = greyLevels(image, channel, where);

  const panels: FigurePanel[] = [];
  let x = 0;
  for (const [index, view] of views.entries()) {
    const slice = slices[view.through]!;
    const to: Resize = { ...view, ...sizes[index]! };
    const across = size[view.across]!;
    const down = size[view.down]!;
    // Two pixels where a voxel is wide enough to carry them; more would hide the structures of a whole head.
    const outline = to.width >= 4 * across ? 2 : 1;
    const background = resizePicture(cut(grey, size, view, slice, Float32Array), across, down, to);
    const sampled = (volume: LabelVolume | undefined): Uint16Array | undefined =>
      volume && resizeLabels(cut(volume.data, size, view, slice, Uint16Array), across, down, to);
    const layers = { background, truth: sampled(truth), prediction: sampled(prediction) };
    rows.forEach((row, below) => {
      const y = below * (rowHeight + gap) + Math.floor((rowHeight - to.height) / 2);
      paint(data, width, { x, y, width: to.width, height: to.height, outline }, layers, row, colors);
      panels.push({
        plane: view.plane,
        row,
        x,
        y,
        width: to.width,
        height: to.height,
        slice,
        ...(view.letters && {
          letters: view.letters,
          positionMm: slicePositionMm(image, view, slice),
        }),
      });
    });
    x += to.width + gap;
  }
  const legend = named.map(({ name }, index) => ({ name, color: colorAt(index) }));
  return { png: encode({ width, height, data, channels: 3 }), width, height, convention, panels, legend };
}

/** Pixels of one panel: as high as asked for, narrower where it would be more than twice as wide. */
function panelSize(
  size: Size3,
  steps: readonly number[],
  view: PlaneView,
  panelPixels: number,
): { width: number; height: number } {
  const acrossMm = size[view.across]! * steps[view.across]!;
  const downMm = size[view.down]! * steps[view.down]!;
  const pixelsPerMm = Math.min(panelPixels / downMm, (2 * panelPixels) / acrossMm);
  const pixels = (mm: number): number => Math.max(1, Math.round(mm * pixelsPerMm));
  return { width: pixels(acrossMm), height: pixels(downMm) };
}

function hasLabels(volume: LabelVolume | undefined): boolean {
  return volume?.data.some((value) => value !== 0) ?? false;
}

function check({ image, truth, prediction, labels, channel = 0, slices, where }: OverlayOptions): void {
  if (!(channel >= 0 && channel < image.channels && Number.isInteger(channel)))
    fail("bad-argument", {
      what: "the image has no such channel",
      where,
      expected: `a channel from 0 to ${image.channels - 1}`,
      found: `${channel}`,
    });
  slices?.forEach((slice, axis) => {
    if (!(slice >= 0 && slice < image.size[axis]! && Number.isInteger(slice)))
      fail("bad-argument", {
        what: `the image has no such slice along ${"ijk"[axis]}`,
        where,
        expected: `a slice from 0 to ${image.size[axis]! - 1}`,
        found: `${slice}`,
      });
  });
  const known = new Set(labels.map(({ value }) => value));
  for (const [name, map] of [
    ["truth", truth],
    ["prediction", prediction],
  ] as const) {
    if (map === undefined) continue;
    requireSameGrid(image, map, name, where);
    const seen = new Set<number>();
    for (const value of map.data) seen.add(value);
    for (const value of seen)
      if (value !== 0 && !known.has(value))
        fail("bad-data", {
          what: `the ${name} holds a label that has no name`,
          where,
          expected: `0 or one of ${[...known].filter((v) => v !== 0).join(", ")}`,
          found: `${value}`,
          fix: "Add the label to the table of labels",
        });
  }
}

function requireSameGrid(image: Grid, map: Grid, name: string, where: string | undefined): void {
  if (sameGrid(image, map)) return;
  fail("geometry", {
    what: `the ${name} does not lie on the image's grid`,
    where,
    expected: `the same ${image.size.join("x")} voxels in the same place`,
    found: describeGridDifference(image, map),
    fix: `Resample the ${name} to the image's grid first`,
  });
}

/** One slice as a row-major picture: rows along `view.down`, columns along `view.across`. */
function cut<T extends Float32Array | Uint16Array>(
  data: ArrayLike<number>,
  size: Size3,
  view: PlaneView,
  slice: number,
  make: new (length: number) => T,
): T {
  const strides = [1, size[0], size[0] * size[1]];
  const width = size[view.across]!;
  const height = size[view.down]!;
  const out = new make(width * height);
  const base = slice * strides[view.through]!;
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++)
      out[at] = data[base + y * strides[view.down]! + x * strides[view.across]!]!;
  return out;
}
