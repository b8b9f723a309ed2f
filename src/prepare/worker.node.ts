/** The work on one scan, on a thread of its own. */
import { fail } from "../core/errors.js";
import { sha256 } from "../io/fingerprint.js";
import { nodeFiles, readVolume, writeText, writeVolume } from "../io/node.js";
import { version } from "../version.js";
import { toCanonical } from "../volume/orient.js";
import type { Affine, ImageVolume } from "../volume/volume.js";
import type { AlignmentQuality } from "./align.js";
import { registerAffine } from "./elastix.node.js";
import { type PrepareSettings, prepareScan } from "./scan.js";

/** What all threads are given. */
export interface PrepareSetup {
  readonly template:
    | { readonly image: ImageVolume; readonly path: string; readonly sha256: string }
    | undefined;
  readonly settings: PrepareSettings;
}

export interface PrepareTask {
  readonly id: string;
  readonly scan: string;
  readonly out: string;
}

/** What a sidecar says of how an image was made. */
export interface PreparationRecord {
  readonly source: string;
  readonly sourceSha256: string;
  readonly template: string | null;
  readonly templateSha256: string | null;
  readonly settings: PrepareSettings;
  /** World millimetres of the template to those of the scan, row-major; null where nothing was moved. */
  readonly templateToScan: readonly number[] | null;
  readonly quality: AlignmentQuality | null;
  readonly version: string;
}

/** Where the threads find this module. */
export const workerModule = new URL(import.meta.url);

/** See `openPool`. */
export function start({
  template,
  settings,
}: PrepareSetup): (task: PrepareTask) => Promise<PreparationRecord> {
  return async ({ scan, out }) => {
    const bytes = await nodeFiles.read(scan);
    const { volume } = await readVolume(scan, { as: "float32" });
    const { volume: image } = toCanonical(volume);
    if (image.channels !== 1)
      fail("bad-data", {
        what: "the file holds several volumes",
        where: scan,
        expected: "one",
        found: `${image.channels}`,
        fix: "Extract the one that is wanted",
      });
    const move = template !== undefined && !settings.registered;
    const transform: Affine | undefined = move ? await registerAffine(image, template.image) : undefined;
    const prepared = prepareScan(image, template?.image, transform, settings);
    const record: PreparationRecord = {
      source: scan,
      sourceSha256: await sha256(bytes),
      template: template?.path ?? null,
      templateSha256: template?.sha256 ?? null,
      settings,
      templateToScan: transform ?? null,
      quality: prepared.quality ?? null,
      version,
    };
    // The sidecar comes last: where it is, the image is whole.
    await writeVolume(out, prepared.image, { description: "Gyrus: prepared T1-weighted image" });
    await writeText(
      sidecarOf(out),
      `${JSON.stringify({ Modality: "MR", GyrusPreparation: record }, null, 2)}\n`,
    );
    return record;
  };
}

/** `sub-01_T1w.json` beside `sub-01_T1w.nii.gz`. */
export function sidecarOf(image: string): string {
  return image.replace(/\.nii(\.gz)?$/, ".json");
}
