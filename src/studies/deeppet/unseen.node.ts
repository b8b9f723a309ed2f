import { rng } from "../../core/rng.js";
import { baseName, joinPath } from "../../io/files.js";
import { nodeFiles, readVolume } from "../../io/node.js";
import { imageGrid, type PetGeometry, withImageSize } from "../../sim/pet/geometry.js";
import { buildScanner, meanOverBlocks } from "../../sim/pet/scan.js";
import { resampleTo } from "../../volume/resample.js";
import type { Grid, ImageVolume } from "../../volume/volume.js";
import type { StudyScan } from "./data.js";

/** Where real images lie in a folder of data: a mean FDG scan with a mean transmission scan, and receptor maps. */
const template = "templates-spm/PET.nii.gz";
const transmission = "templates-spm/Transm.nii.gz";
const receptors = "pet-receptor-maps";

/** Heights of the slices in MNI space, mm, and the middle of the head there. */
const heightsMm = [-15, 10, 35] as const;
const middleMm = [0, -18] as const;

/** Brain in the transmission template, whose values have no unit, and its attenuation at 511 keV. */
const brainTransmission = 0.745;
const brainPerCm = 0.0975;

/** The brightest point of every image, kBq/ml: the images have units of their own. */
const peakKBqMl = 25;

/** The files of real activity images in a folder, by name; none where the transmission template is absent. */
export async function imagesIn(folder: string | undefined): Promise<string[]> {
  if (folder === undefined) return [];
  const has = async (path: string): Promise<boolean> => {
    const entries = await nodeFiles.list(joinPath(folder, path.slice(0, path.lastIndexOf("/"))));
    return entries?.some(({ name }) => name === baseName(path)) ?? false;
  };
  if (!(await has(transmission)) || !(await has(template))) return [];
  const maps = (await nodeFiles.list(joinPath(folder, receptors))) ?? [];
  const names = maps.map(({ name }) => name).filter((name) => name.endsWith(".nii.gz"));
  return [template, ...names.sort().map((name) => `${receptors}/${name}`)];
}

/**
 * Slices of real images through the simulator: activity as it is up to its scale, attenuation of the transmission
 * template in the same space. Mean images of groups: smoother than a person's.
 */
export async function unseenScans(
  folder: string,
  images: readonly string[],
  geometry: PetGeometry,
  seed: number,
): Promise<StudyScan[]> {
  const scanner = buildScanner(geometry);
  const fine = imageGrid(withImageSize(geometry, scanner.sliceSize), scanner.physics.sliceThicknessMm);
  const read = async (path: string): Promise<ImageVolume> =>
    (await readVolume(joinPath(folder, path), { as: "float32" })).volume;
  const attenuation = await read(transmission);
  const scans: StudyScan[] = [];
  for (const path of images) {
    const image = await read(path);
    const peak = image.data.reduce((a, b) => Math.max(a, b), 0);
    const phantom = baseName(path).replace(/\.nii\.gz$/, "");
    for (const height of heightsMm) {
      const grid = placed(fine, height);
      const activity = sliceOf(image, grid).map((value) => Math.max(0, (value * peakKBqMl) / peak));
      const attenuationPerCm = sliceOf(attenuation, grid).map((value) =>
        Math.max(0, (value * brainPerCm) / brainTransmission),
      );
      const id = `${phantom}, z = ${height} mm`;
      const { trues, ...scan } = scanner.simulate(
        { activity, attenuationPerCm },
        rng(seed).split("image", id),
        { counts: 1e6 },
      );
      const truth = meanOverBlocks(activity, scanner.sliceSize, scanner.sliceSize / geometry.imageSize);
      scans.push({ id, phantom, kind: "image", scan, trues, truth });
    }
  }
  return scans;
}

/** The scanner's slice at a height in MNI space. */
function placed({ size, affine }: Grid, heightMm: number): Grid {
  const moved = [...affine];
  moved[3] = moved[3]! + middleMm[0];
  moved[7] = moved[7]! + middleMm[1];
  moved[11] = heightMm;
  return { size, affine: moved };
}

function sliceOf(image: ImageVolume, grid: Grid): Float32Array {
  return (resampleTo(image, grid, { order: "linear" }) as ImageVolume).data;
}
