import { fail } from "../../core/errors.js";
import { axisBinOf, type PetGeometry } from "./geometry.js";

/**
 * A sinogram as a linogram (Edholm & Herman, IEEE Trans Med Imaging 6, 1987): bins are spaced by the cosine of their
 * view's angle, so that a line through the image meets the middle row, or the middle column, at its bin's place.
 *
 * Two halves of `views / 2 + 1` rows, each with the two diagonals at its ends. Row k of the first half is the view at
 * δ = (k - views / 4) · 180° / views, whose line through (x, y) lies at `u = x + y tan δ`; row k of the second is the view
 * at 90° - δ, with `u = y + x tan δ`: the first half of the image mirrored at its diagonal. Moving the image along x moves
 * all rows of the first half alike, along y all of the second: in a sinogram every view moves by its own step.
 */
export interface Linogram {
  /** Of both halves together. */
  readonly rows: number;
  /** Two for each pixel; half as far again as the image, which its corners' lines need. */
  readonly columns: number;
  /** Interpolate a sinogram `[views, bins]` to `[rows, columns]`, linearly between bins; 0 where no bin is. */
  readonly resample: (sinogram: Float32Array, into: Float32Array) => void;
}

/** Rows and columns of a geometry's linograms. */
export function linogramExtents({
  views,
  imageSize,
}: Pick<PetGeometry, "views" | "imageSize">): readonly [rows: number, columns: number] {
  return [views + 2, 3 * imageSize];
}

/** Prepare the resampling. Throws `geometry` for views that do not fall into two halves around 0 and 90 degrees. */
export function linogramOf(geometry: PetGeometry): Linogram {
  const { views, bins, binSizeMm, startDegrees, pixelSizeMm } = geometry;
  if (views % 4 !== 0 || startDegrees !== 0)
    fail("geometry", {
      what: "the views do not fall into two halves around 0 and 90 degrees",
      expected: "a multiple of 4 views from 0 degrees on",
      found: `${views} views from ${startDegrees} degrees on`,
      fix: "Use a preset that takes sinograms as they are, e.g. --preset small-plain",
    });
  const [rows, columns] = linogramExtents(geometry);
  const axis = axisBinOf(geometry);
  const half = rows / 2;
  const from = new Int32Array(rows * columns);
  const weight = new Float32Array(rows * columns);
  for (let row = 0, n = 0; row < rows; row++) {
    const step = (row % half) - views / 4;
    const turned = row < half ? step : views / 2 - step;
    // A view before the first, or after the last, is one from behind: its bins are exchanged.
    const behind = turned < 0 || turned >= views;
    const view = (turned + views) % views;
    const perColumn = (Math.cos((step * Math.PI) / views) * pixelSizeMm) / 2 / binSizeMm;
    for (let column = 0; column < columns; column++, n++) {
      const offset = (column - (columns - 1) / 2) * perColumn;
      const bin = axis + (behind ? -offset : offset);
      const low = Math.min(bins - 2, Math.max(0, Math.floor(bin)));
      const inside = bin > -0.5 && bin < bins - 0.5;
      from[n] = inside ? view * bins + low : -1;
      weight[n] = Math.min(1, Math.max(0, bin - low));
    }
  }
  return {
    rows,
    columns,
    resample: (sinogram, into) => {
      for (let n = 0; n < from.length; n++) {
        const at = from[n]!;
        const share = weight[n]!;
        into[n] = at < 0 ? 0 : sinogram[at]! * (1 - share) + sinogram[at + 1]! * share;
      }
    },
  };
}
