import { fail } from "../../core/errors.js";
import { floats } from "../../core/tensor.js";
import type { Executable } from "../../runtime/engine.js";
import { axisBinOf, type PetGeometry } from "../../sim/pet/geometry.js";
import type { PetScan } from "../../sim/pet/model.js";
import { inputExtents, networkInput } from "./input.js";
import type { ReconstructionModel } from "./run.js";

/** A network of one scanner's slices, ready to run. */
export interface SliceNetwork {
  /** Input `sinogram` `[batch, channel, view, bin]`, output `image` `[batch, 1, j, i]`. */
  readonly executable: Executable;
  readonly batch: number;
  readonly model: ReconstructionModel;
}

/**
 * Activity images of scans, kBq/ml, negative values put at 0. Throws `geometry` for a scan of another scanner, `bad-data`
 * for one without counts, `non-finite`.
 */
export async function reconstructByNetwork(
  { executable, batch, model }: SliceNetwork,
  scans: readonly PetScan[],
  where?: (index: number) => string,
): Promise<Float32Array[]> {
  const { geometry, inputs } = model;
  const extents = inputExtents(inputs, geometry);
  const [from, to] = [extents.reduce((a, b) => a * b, 1), geometry.imageSize ** 2];
  const images: Float32Array[] = [];
  for (let first = 0; first < scans.length; first += batch) {
    const fed = new Float32Array(batch * from);
    const some = scans.slice(first, first + batch);
    const scales = some.map((scan, n) => {
      const name = where?.(first + n);
      requireGeometry(scan.geometry, geometry, name);
      const { data, scale } = networkInput(scan, inputs, name);
      fed.set(data, n * from);
      return scale;
    });
    const sinogram = floats([batch, ...extents], fed);
    const found = (await executable.run({ sinogram })).image!.data as Float32Array;
    scales.forEach((scale, n) => {
      const image = found.slice(n * to, (n + 1) * to);
      if (image.some((value) => !Number.isFinite(value)))
        fail("non-finite", {
          what: "the reconstruction holds values that are not numbers",
          where: where?.(first + n),
          fix: "Look at the sinogram with gyrus inspect; if it is sound, train the model anew",
        });
      for (let v = 0; v < to; v++) image[v] = Math.max(0, image[v]! * scale);
      images.push(image);
    });
  }
  return images;
}

/** Throws `geometry` unless both are one scanner: the network has learnt where every bin of it lies. */
export function requireGeometry(found: PetGeometry, expected: PetGeometry, where?: string): void {
  const keys = ["views", "bins", "binSizeMm", "axisBin", "startDegrees", "imageSize", "pixelSizeMm"] as const;
  const one = { ...found, axisBin: axisBinOf(found) };
  const other = { ...expected, axisBin: axisBinOf(expected) };
  const differs = keys.find(
    (key) => Math.abs(one[key] - other[key]) > 1e-4 * Math.max(1, Math.abs(other[key])),
  );
  if (differs !== undefined)
    fail("geometry", {
      what: "the sinogram is of another scanner than the network has learnt",
      where,
      expected: `${differs} ${other[differs]}: ${describe(expected)}`,
      found: `${differs} ${one[differs]}`,
      fix: "Use a run that was trained on this scanner's geometry, or a classic method",
    });
}

const describe = ({ views, bins, binSizeMm, imageSize, pixelSizeMm }: PetGeometry): string =>
  `${views} views of ${bins} bins of ${round(binSizeMm)} mm, ${imageSize}x${imageSize} pixels of ${round(pixelSizeMm)} mm`;

const round = (mm: number): number => Number(mm.toPrecision(5));
