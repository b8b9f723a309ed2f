import { fail } from "../core/errors.js";
import { imageGrid, type PetGeometry } from "../sim/pet/geometry.js";
import { checkScan, type PetScan } from "../sim/pet/model.js";
import { buildProjector, type Projector } from "../sim/pet/projector.js";
import { attenuationFactors, precorrected } from "../sim/pet/scan.js";
import { describeGridDifference, sameGrid } from "../volume/affine.js";
import { type Grid, type ImageVolume, volume } from "../volume/volume.js";
import { type EmOptions, reconstructEm } from "./em.js";
import { type FbpOptions, fbp } from "./fbp.js";

/** The classic methods. */
export const methods = ["fbp", "mlem", "osem"] as const;

export type Reconstruction =
  | ({ readonly method: "fbp" } & Omit<FbpOptions, "projector">)
  | ({ readonly method: "mlem" | "osem" } & Omit<EmOptions, "projector" | "start" | "onIteration">);

/** Sinograms of neighbouring slices, each array `[slice, view, bin]`; the rest as in `PetScan`. */
export type PetStack = PetScan & { readonly slices: number; readonly sliceSpacingMm: number };

export interface ReconstructedStack {
  /** kBq/ml where the calibration says so, otherwise counts per mm. */
  readonly image: ImageVolume;
  /** Of every slice: passes done and the log-likelihood curve; empty for FBP. */
  readonly fits: readonly SliceFit[];
}

/** Passes done over a slice, and its log-likelihood at the start and after each where that was asked for. */
export interface SliceFit {
  readonly iterations: number;
  readonly logLikelihood: readonly number[];
}

/** Reconstruct slice by slice. Slices without a count stay empty, unless all are. */
export function reconstructStack(
  stack: PetStack,
  how: Reconstruction,
  onSlice?: (done: number, total: number) => void,
): ReconstructedStack {
  const { geometry, slices } = stack;
  const size = geometry.imageSize * geometry.imageSize;
  const data = new Float32Array(size * slices);
  const projector = buildProjector(geometry);
  const fits: SliceFit[] = [];
  slicesOf(stack).forEach((scan, n) => {
    const { image, fit } = reconstructSlice(scan, how, projector);
    data.set(image, n * size);
    if (fit !== undefined) fits.push(fit);
    onSlice?.(n + 1, slices);
  });
  return { image: volume(data, stackGrid(geometry, slices, stack.sliceSpacingMm)), fits };
}

/** One slice's image, 0 everywhere where nothing was counted; a fit where the method has one. */
export function reconstructSlice(
  scan: PetScan,
  how: Reconstruction,
  projector: Projector,
): { readonly image: Float32Array; readonly fit?: SliceFit } {
  if (scan.prompts.every((value) => value === 0))
    return { image: new Float32Array(scan.geometry.imageSize ** 2) };
  if (how.method === "fbp") {
    checkScan(scan, { counts: "signed" });
    return { image: fbp(precorrected(scan), scan.geometry, { ...how, projector }) };
  }
  const { image, ...fit } = reconstructEm(scan, { ...how, projector });
  return { image, fit };
}

/** The slices of a stack as scans of their own. Throws `geometry`, and `bad-data` when there is no count in any of them. */
export function slicesOf(stack: PetStack): PetScan[] {
  const scans = Array.from({ length: stack.slices }, (_, n) => sliceOf(stack, n));
  if (scans.every(({ prompts }) => prompts.every((value) => value === 0))) checkScan(scans[0]!);
  return scans;
}

function sliceOf({ slices, ...stack }: PetStack, n: number): PetScan {
  const length = stack.geometry.views * stack.geometry.bins;
  if (stack.prompts.length !== slices * length)
    fail("geometry", {
      what: "the sinograms do not fit the scanner",
      expected: `${slices} of ${stack.geometry.views} views and ${stack.geometry.bins} bins`,
      found: `${stack.prompts.length} numbers`,
    });
  const cut = (values: Float32Array | undefined) => values?.subarray(n * length, (n + 1) * length);
  return {
    ...stack,
    prompts: cut(stack.prompts)!,
    scatter: cut(stack.scatter),
    randoms: cut(stack.randoms),
    attenuation: cut(stack.attenuation),
    efficiency: cut(stack.efficiency),
  };
}

/** The grid of a stack of images: the scanner's axis through the origin, the stack centred on it. */
export function stackGrid(geometry: PetGeometry, slices: number, sliceSpacingMm: number): Grid {
  const { size, affine } = imageGrid(geometry, sliceSpacingMm);
  const centred = [...affine];
  centred[11] = (-(slices - 1) / 2) * sliceSpacingMm;
  return { size: [size[0], size[1], slices], affine: centred };
}

/**
 * Attenuation factors `[slice, view, bin]` of a map in 1/cm that lies on the images' own grid. Throws `geometry` for
 * another grid, `bad-data` for values that no tissue has.
 */
export function attenuationOfMap(
  map: ImageVolume,
  geometry: PetGeometry,
  slices: number,
  sliceSpacingMm: number,
  where?: string,
): Float32Array {
  const grid = stackGrid(geometry, slices, sliceSpacingMm);
  if (!sameGrid(map, grid, 0.01))
    fail("geometry", {
      what: "the attenuation map is on another grid than the image",
      where,
      expected: `${grid.size.join("x")} voxels on the scanner's axis`,
      found: describeGridDifference(grid, map),
      fix: "Leave --image-size, --pixel-size and --slice-spacing out, which classic methods take from a map, or resample it to the image's grid, which a first reconstruction without it shows",
    });
  const bad = map.data.findIndex((value) => !(value >= 0 && value <= 2));
  if (bad >= 0)
    fail("bad-data", {
      what: "the attenuation map holds a value that is no attenuation at 511 keV",
      where,
      expected: "1/cm: 0 for air, 0.096 for water, at most 2",
      found: `${map.data[bad]} in voxel ${bad}`,
      ...(map.data[bad]! < 0 ? { fix: "A CT in Hounsfield units has to be converted first" } : {}),
    });
  const projector = buildProjector(geometry);
  const size = geometry.imageSize ** 2;
  const out = new Float32Array(slices * geometry.views * geometry.bins);
  for (let n = 0; n < slices; n++)
    out.set(
      attenuationFactors(projector, map.data.subarray(n * size, (n + 1) * size)),
      n * geometry.views * geometry.bins,
    );
  return out;
}
