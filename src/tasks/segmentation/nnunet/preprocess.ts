import { fail } from "../../../core/errors.js";
import type { LoadedCase } from "../../../io/case.js";
import { spacingMm } from "../../../volume/affine.js";
import { type Box, boundingBox, crop } from "../../../volume/crop.js";
import type { ImageVolume, LabelVolume, Size3 } from "../../../volume/volume.js";
import { voxelCount } from "../../../volume/volume.js";
import { resizedAffine, toNetworkFrame } from "./frame.js";
import { drawLocations, locationTargets } from "./locations.js";
import { filledMask } from "./mask.js";
import { normalizeChannel } from "./normalization.js";
import { roundHalfEven } from "./numbers.js";
import type { Configuration, Plan } from "./plan.js";
import { type Resizing, resampleChannel, resampleClasses } from "./resample.js";

/** What was done to a case's grid, as plain data: enough to put a prediction back. */
export interface PreparedGeometry {
  /** The canonical grid of the scan. */
  readonly size: Size3;
  readonly affine: readonly number[];
  /** Voxel axes in the network's order. */
  readonly axes: readonly number[];
  /** What was kept, in the network's frame (i fastest). */
  readonly box: Box;
  readonly resizing: Resizing;
}

/** A case as a network of the plan sees it; the data are `[C, D, H, W]` in the network's order. */
export interface PreparedCase {
  readonly id: string;
  readonly image: ImageVolume;
  readonly label?: LabelVolume;
  /** Voxels to aim patches at, for every one of `locationTargets`. */
  readonly locations?: readonly Int32Array[];
  readonly geometry: PreparedGeometry;
}

/** The part of a plan that decides what prepared data look like. */
export type Recipe = Pick<Plan, "axes" | "channels" | "resampling" | "dataset">;

/**
 * Prepare a case that is in the canonical frame: axes into the network's order, cropped to the box of non-zero voxels,
 * normalised, resampled. Normalisation comes before resampling, so that the zeros outside a mask stay exact. Throws
 * `bad-data` for a channel without spread, `geometry` for an image too small to have one voxel left.
 */
export function prepareCase(
  { id, image, label }: Pick<LoadedCase, "id" | "image"> & { readonly label?: LabelVolume },
  plan: Recipe,
  configuration: Pick<Configuration, "dimensions" | "spacingMm">,
): PreparedCase {
  requireChannels(id, image, plan);
  const turned = toNetworkFrame(image, plan.axes);
  const box = boundingBox(turned) ?? { start: [0, 0, 0] as const, size: turned.size };
  const cropped = crop(turned, box);
  normalize(cropped, plan, id);
  const resizing = resizingOf(cropped, configuration, id);
  const geometry = { size: image.size, affine: [...image.affine], axes: [...plan.axes], box, resizing };
  const grid = {
    size: resizing.to,
    affine: resizedAffine(cropped.affine, resizing.from, resizing.to),
  };
  const voxels = voxelCount(cropped.size);
  const data = new Float32Array(voxelCount(grid.size) * cropped.channels);
  for (let c = 0; c < cropped.channels; c++) {
    const channel = cropped.data.subarray(c * voxels, (c + 1) * voxels);
    data.set(resampleChannel(channel, resizing, plan.resampling), c * voxelCount(grid.size));
  }
  const prepared = { id, image: { ...grid, data, channels: cropped.channels }, geometry };
  if (label === undefined) return prepared;
  const classes = crop(toNetworkFrame(label, plan.axes), box).data;
  const target: LabelVolume = {
    ...grid,
    channels: 1,
    data: resampleClasses(classes, resizing, plan.resampling),
  };
  return { ...prepared, label: target, locations: drawLocations(target, locationTargets(plan.dataset), id) };
}

function requireChannels(id: string, image: ImageVolume, { channels }: Recipe): void {
  if (image.channels !== channels.length)
    fail("bad-data", {
      what: "the case has not the channels that the plan is for",
      where: id,
      expected: `${channels.length}: ${channels.map(({ name }) => name).join(", ")}`,
      found: `${image.channels}`,
      fix: "Give the images of all channels, in this order",
    });
}

/** In place, channel by channel. */
function normalize(image: ImageVolume, { channels }: Recipe, id: string): void {
  const voxels = voxelCount(image.size);
  const mask = channels.some(({ withinMask }) => withinMask) ? filledMask(image) : undefined;
  channels.forEach((channel, c) => {
    const where = channels.length === 1 ? id : `${id}, channel ${c} (${channel.name})`;
    normalizeChannel(image.data.subarray(c * voxels, (c + 1) * voxels), channel, mask, where);
  });
}

/** From the cropped grid to the plan's spacing; a 2-D plan keeps the slices of the scan. */
function resizingOf(
  cropped: ImageVolume,
  { dimensions, spacingMm: target }: Pick<Configuration, "dimensions" | "spacingMm">,
  id: string,
): Resizing {
  const fromMm = spacingMm(cropped.affine);
  // The network's order is k, j, i; a 2-D plan says j, i.
  const inFrame = [...target].reverse();
  const toMm = dimensions === 3 ? inFrame : [inFrame[0]!, inFrame[1]!, fromMm[2]];
  const to = cropped.size.map((n, axis) => roundHalfEven((fromMm[axis]! / toMm[axis]!) * n));
  if (to.some((n) => n < 1))
    fail("geometry", {
      what: "the image is thinner than one voxel of the plan",
      where: id,
      expected: `voxels of ${toMm.map((mm) => mm.toFixed(2)).join("x")} mm`,
      found: `${cropped.size.join("x")} voxels of ${fromMm.map((mm) => mm.toFixed(2)).join("x")} mm`,
      fix: "Leave this image out, or check its voxel size",
    });
  return { from: cropped.size, to: to as unknown as Size3, fromMm: [...fromMm], toMm };
}
