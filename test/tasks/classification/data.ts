import { mkdir, writeFile } from "node:fs/promises";
import { rng } from "../../../src/core/rng.js";
import { writeVolume } from "../../../src/io/node.js";
import { scalingAffine } from "../../../src/volume/affine.js";
import type { Size3 } from "../../../src/volume/volume.js";

/** Settings that make a training quick: images of 12 voxels, few epochs, no augmentation. */
export const quickDiagnosis: Readonly<Record<string, string>> = {
  augmentation: "none",
  batch: "4",
  validations: "2",
  average: "0.5",
};

export interface People {
  /** Of each class. */
  readonly each?: number;
  readonly sessions?: number;
  readonly size?: Size3;
  readonly classes?: readonly [string, string];
  /** Replace the lines of participants.tsv, the heading among them. */
  readonly lines?: (lines: string[]) => readonly string[];
  /** Change the size of a person's images. */
  readonly sizeOf?: (subject: string) => Size3 | undefined;
  /** Where the first voxel of a person's images lies, mm. */
  readonly originOf?: (subject: string) => Size3 | undefined;
}

/** One image: noise, and a bright box in the middle that patients lack half of. */
export function head(seed: number | string, ill: boolean, size: Size3 = [12, 12, 12]): Float32Array {
  const random = rng(seed);
  const data = new Float32Array(size[0] * size[1] * size[2]);
  for (let at = 0; at < data.length; at++) {
    const place = [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))];
    const inside = place.every((x, axis) => Math.abs(x - (size[axis]! - 1) / 2) < 0.4 * size[axis]!);
    const lost = ill && place[2]! < size[2] / 2;
    data[at] = Math.max(0, Math.round(20 + (inside && !lost ? 80 : 0) + 8 * random.normal()));
  }
  return data;
}

/** A BIDS folder of people of two classes who are easily told apart: `sub-01`, `sub-02` and so on, one class by turns. */
export async function writePeople(folder: string, people: People = {}): Promise<string> {
  const { each = 6, sessions = 1, size = [12, 12, 12], classes = ["CN", "AD"] } = people;
  const lines = ["participant_id\tdiagnosis\tage\tsex"];
  for (let n = 0; n < 2 * each; n++) {
    const subject = `sub-${String(n + 1).padStart(2, "0")}`;
    const ill = n % 2 === 1;
    lines.push([subject, classes[ill ? 1 : 0], 60 + n, n % 4 < 2 ? "F" : "M"].join("\t"));
    for (let session = 0; session < sessions; session++) {
      const place = sessions === 1 ? "" : `/ses-M${12 * session}`;
      const name = sessions === 1 ? subject : `${subject}_ses-M${12 * session}`;
      const own = people.sizeOf?.(subject) ?? size;
      await mkdir(`${folder}/${subject}${place}/anat`, { recursive: true });
      const data = head(`${subject} ${session}`, ill, own);
      const affine = scalingAffine([2, 2, 2], people.originOf?.(subject) ?? [-11, -11, -11]);
      await writeVolume(
        `${folder}/${subject}${place}/anat/${name}_T1w.nii.gz`,
        { data, size: own, affine, channels: 1 },
        { dtype: "uint8" },
      );
    }
  }
  const written = people.lines?.(lines) ?? lines;
  await writeFile(`${folder}/participants.tsv`, `${written.join("\n")}\n`);
  const about = { Name: "People of two kinds", BIDSVersion: "1.10.0" };
  await writeFile(`${folder}/dataset_description.json`, JSON.stringify(about));
  return folder;
}
