import { spacingMm } from "../volume/affine.js";
import { type Affine, type Size3, voxelCount } from "../volume/volume.js";
import { type AffineParameters, invert3, linearPart, staysOnGrid } from "./affine.js";
import type { Padding } from "./boundary.js";
import type { ElasticParameters } from "./elastic.js";
import { foldLine, type Line, readCubic, readLabels, readLinear } from "./lines.js";
import { channelMinima, requireSample, type Sample } from "./sample.js";
import { alongAxis, splineWeights } from "./spline.js";

/** All spatial changes of one sample, and the patch they are evaluated on. */
export interface SpatialParameters {
  /** Extents of the result, and the source voxel on which its voxel [0, 0, 0] lies before any change. */
  readonly size: Size3;
  readonly start: Size3;
  readonly affine: AffineParameters;
  readonly elastic: ElasticParameters | null;
}

export interface ResamplingOptions {
  /** How the image is interpolated, `linear` unless told; labels are always taken from the nearest voxel. */
  readonly interpolation?: "linear" | "cubic" | undefined;
  /** What lies outside the source, `minimum` unless told. */
  readonly padding?: Padding | undefined;
}

/** The patch that came out: `[C, D, H, W]`, `[D, H, W]`, and 1 where the source had a voxel to give. */
export interface WarpedPatch {
  readonly image: Float32Array;
  readonly label: Uint8Array | undefined;
  readonly inside: Uint8Array;
}

/**
 * Take a patch out of a sample with every spatial change done in ONE resampling pass: the output voxel that
 * lies x millimetres from the patch's centre is read at `F⁻¹(x + u(x))`, F the affine change about the
 * patch's centre and u the elastic displacement. Only the patch's voxels are computed, from the whole source,
 * so context that exists is used and no void appears inside the image.
 *
 * Parameters that only crop and mirror copy voxels bit for bit. Outside the source the image is padded (see
 * `Padding`), the label and `inside` are 0; with `edge` and `mirror` nothing is outside, and the label is
 * extended as the image is. Throws `geometry` when image and label differ in size, `bad-data` for a label
 * above 255.
 */
export function applySpatial(
  parameters: SpatialParameters,
  sample: Sample,
  { interpolation = "linear", padding = "minimum" }: ResamplingOptions = {},
): WarpedPatch {
  requireSample(sample);
  const { image, label } = sample;
  const [ni, nj, nk] = parameters.size;
  const count = voxelCount(parameters.size);
  const perChannel = voxelCount(image.size);
  const fill = padding === "minimum" ? channelMinima(image) : undefined;
  const read = interpolation === "cubic" ? readCubic : readLinear;
  const out = new Float32Array(count * image.channels);
  const labels = label === undefined ? undefined : new Uint8Array(count);
  const inside = new Uint8Array(count);
  const onGrid = parameters.elastic === null && staysOnGrid(parameters.affine);
  const trace = onGrid ? traceCopy(parameters) : traceWarp(parameters, image.affine);
  const line: Line = { at: 0, i: new Float64Array(ni), j: new Float64Array(ni), k: new Float64Array(ni) };
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++) {
      line.at = (k * nj + j) * ni;
      trace(j, k, line);
      foldLine(line, image.size, padding, inside);
      if (label !== undefined && labels !== undefined)
        readLabels(label.data, label.size, line, inside, labels);
      for (let c = 0; c < image.channels; c++)
        read(image.data, c * perChannel, image.size, line, inside, fill?.[c] ?? 0, out, c * count);
    }
  return { image: out, label: labels, inside };
}

/** Fills a line's coordinates for output row (j, k). */
type Trace = (j: number, k: number, line: Line) => void;

/** Whole voxels only: crop and mirror. */
function traceCopy({ size, start, affine }: SpatialParameters): Trace {
  const at = (axis: 0 | 1 | 2, o: number): number =>
    start[axis] + (affine.mirror[axis] ? size[axis] - 1 - o : o);
  return (j, k, line) => {
    for (let n = 0; n < line.i.length; n++) line.i[n] = at(0, n);
    line.j.fill(at(1, j));
    line.k.fill(at(2, k));
  };
}

/**
 * The whole change as source voxel = `matrix · o + offset + Σ weights · displacement`, o the output voxel: all
 * of it linear but for the spline, so one row costs three additions a voxel and the spline's few nodes.
 */
function traceWarp({ size, start, affine, elastic }: SpatialParameters, grid: Affine): Trace {
  const spacing = spacingMm(grid);
  const inverse = invert3(linearPart(affine)); // mm to mm
  const centre = size.map((extent) => (extent - 1) / 2);
  const toVoxels = inverse.map((value, n) => value / spacing[Math.floor(n / 3)]!); // mm in, source voxels out
  const matrix = toVoxels.map((value, n) => value * spacing[n % 3]!);
  // The translation comes before the mirroring: F⁻¹(x) = L⁻¹ x - (R·S·H)⁻¹ t, and L = M·R·S·H.
  const mirrored = affine.translationMm.map((mm, axis) => (affine.mirror[axis] ? -mm : mm));
  const offset = [0, 1, 2].map((row) => {
    let sum = start[row]! + centre[row]!;
    for (let axis = 0; axis < 3; axis++) {
      sum -= matrix[row * 3 + axis]! * centre[axis]!;
      sum -= toVoxels[row * 3 + axis]! * mirrored[axis]!;
    }
    return sum;
  });
  const displace = elastic === null ? undefined : traceElastic(elastic, size, toVoxels);
  const [mii, mij, mik, mji, mjj, mjk, mki, mkj, mkk] = matrix as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return (j, k, line) => {
    const x = mij * j + mik * k + offset[0]!;
    const y = mjj * j + mjk * k + offset[1]!;
    const z = mkj * j + mkk * k + offset[2]!;
    for (let n = 0; n < line.i.length; n++) {
      line.i[n] = mii * n + x;
      line.j[n] = mji * n + y;
      line.k[n] = mki * n + z;
    }
    displace?.(j, k, line);
  };
}

/** Adds the elastic displacement, in source voxels, to a line; slices are evaluated as they come. */
function traceElastic({ nodes, displacementMm }: ElasticParameters, size: Size3, toVoxels: number[]): Trace {
  const displacement = Float64Array.from(displacementMm, (_, n) => {
    const row = n % 3;
    const first = n - row;
    let sum = 0;
    for (let axis = 0; axis < 3; axis++) sum += toVoxels[row * 3 + axis]! * displacementMm[first + axis]!;
    return sum;
  });
  const weights = nodes.map((n, axis) => splineWeights(size[axis]!, n));
  // i first: few values there are, and the later axes run along contiguous rows.
  const alongI = alongAxis(displacement, 3, nodes[0], weights[0]!, size[0]);
  const inner = 3 * size[0];
  let slice = -1;
  let rows: Float64Array = new Float64Array(0);
  return (j, k, line) => {
    if (k !== slice) {
      const atK = weights[2]!.subarray(k * nodes[2], (k + 1) * nodes[2]);
      const plane = alongAxis(alongI, inner * nodes[1], nodes[2], atK, 1);
      rows = alongAxis(plane, inner, nodes[1], weights[1]!, size[1]);
      slice = k;
    }
    for (let n = 0, from = j * inner; n < line.i.length; n++, from += 3) {
      line.i[n]! += rows[from]!;
      line.j[n]! += rows[from + 1]!;
      line.k[n]! += rows[from + 2]!;
    }
  };
}
