import { stat } from "node:fs/promises";
import { fail } from "../../core/errors.js";
import { requireImage } from "../../io/case.js";
import type { Case, DataSet, DataSetOptions } from "../../io/dataset.js";
import { baseName } from "../../io/files.js";
import type { NiftiHeader } from "../../io/nifti.js";
import { readVolume } from "../../io/node.js";
import type { ImageVolume } from "../../volume/volume.js";
import { openVolumes } from "../denoising/data.node.js";

/** One scan, or a data set or folder of them: see `openVolumes`. */
export async function openScans(path: string, options: DataSetOptions = {}): Promise<DataSet> {
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) return openVolumes(path, options);
  return {
    kind: "pairs",
    name: baseName(path),
    root: path,
    channels: options.channels ?? ["image"],
    labels: [],
    background: "background",
    labelValues: [0],
    dimensions: 3,
    stack: false,
    cases: [{ id: baseName(path).replace(/\.(nii(\.gz)?|hdr|img)$/i, ""), subject: "1", images: [path] }],
  };
}

/** A scan in its own frame. Throws `bad-data` for several volumes, voxels that are not finite, and a constant. */
export async function readScan(
  path: string,
): Promise<{ readonly scan: ImageVolume; readonly header: NiftiHeader | undefined }> {
  const { volume: scan, header } = await readVolume(path, { as: "float32" });
  if (scan.channels !== 1)
    fail("bad-data", {
      what: `there are ${scan.channels} volumes`,
      where: path,
      expected: "a 3-D scan",
      found: `${scan.size.join("x")}x${scan.channels}`,
      fix: "Extract the volume that is wanted",
    });
  requireImage(scan, path);
  return { scan, header };
}

/** The scan of a case. */
export async function scanOf({ images }: Case): Promise<ImageVolume> {
  return (await readScan(images[0]!)).scan;
}
