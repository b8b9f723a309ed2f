import { fail } from "../../core/errors.js";

import { minMax, percentiles, rangeOf, zScore } from "../../volume/intensity.js";
import { resizeChannel } from "../../volume/resize.js";
import { resizedAffine, shrinkChannel } from "../../volume/shrink.js";
import type { Grid, ImageVolume, Size3 } from "../../volume/volume.js";
import type { ClassificationConfig } from "./config.js";

type Input = ClassificationConfig["input"];

/** The grid that images of a grid are brought to: each axis shrunk to what `input.size` allows, or enlarged to it. */
export function preparedGrid({ size: wanted, enlarge }: Input, grid: Grid): Grid {
  const target = targetSize(wanted, enlarge, grid.size);
  return { size: target, affine: resizedAffine(grid.affine, grid.size, target) };
}

function targetSize(wanted: Input["size"], enlarge: boolean, size: Size3): Size3 {
  if (wanted === null) return size;
  return size.map((extent, axis) => (enlarge ? wanted[axis]! : Math.min(extent, wanted[axis]!))) as [
    number,
    number,
    number,
  ];
}

/**
 * An image as the network knows it: resized over the same field of view (means where an axis shrinks, linear where it
 * grows) and scaled by its own values alone, so that nothing about other subjects is in it. Throws `bad-data` for an image
 * with nothing to scale by.
 */
export function prepareImage(image: ImageVolume, input: Input, where?: string): ImageVolume {
  const { size, affine } = preparedGrid(input, image);
  const smaller = image.size.map((extent, axis) => Math.min(extent, size[axis]!)) as [number, number, number];
  const shrunk = shrinkChannel(image.data, image.size, smaller);
  const data = resizeChannel(shrunk, smaller, size, [1, 1, 1]);
  return scaled({ data, size, affine, channels: 1 }, input.intensity, where);
}

function scaled(image: ImageVolume, intensity: Input["intensity"], where?: string): ImageVolume {
  const named = where === undefined ? {} : { where };
  if (intensity === "zScore") return zScore(image, named);
  if (intensity === "minMax") return minMax(image, [0, 1], named);
  const reference = intensity === "max" ? rangeOf(image.data)[1] : percentiles(image.data, [99])[0]!;
  if (!(reference > 0))
    fail("bad-data", {
      what: "the image has no bright voxels to be scaled by",
      where,
      expected:
        intensity === "max" ? "a largest value above 0" : "more than a hundredth of the voxels above 0",
      found: `${reference}`,
      fix: "Check the image; or scale otherwise (input.intensity)",
    });
  return { ...image, data: image.data.map((value) => value / reference) };
}
