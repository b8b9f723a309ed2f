import { see } from "../../audit/audit.js";
import { rng } from "../../core/rng.js";
import { openDataSet, readVolume } from "../../io/node.js";
import { withBiasField, withRicianNoise } from "../../sim/artefacts.js";
import { drawBrain, withAtrophy } from "../../sim/brain.js";
import { cohortGrid, cohortPresets } from "../../sim/cohort.js";
import { t1Image } from "../../sim/contrast.js";
import { renderBrain } from "../../sim/render.js";
import { toCanonical } from "../../volume/orient.js";
import type { ImageVolume } from "../../volume/volume.js";
import type { Head } from "./scenes.js";

/** Slices that are cut from a head, and how far apart, in voxels. */
export const slicesPerHead = 8;

/** Heads with what was seen in their slices, and the slices themselves for copies to be made of. */
export interface SlicedHead extends Head {
  readonly slices: readonly ImageVolume[];
}

const nobody = { id: "", part: "train" } as const;

/** Neighbouring axial slices about the middle of a volume. */
export async function sliceHead(subject: string, image: ImageVolume): Promise<SlicedHead> {
  const { volume } = toCanonical(image);
  const [ni, nj, nk] = volume.size;
  const area = ni * nj;
  const first = Math.max(0, Math.floor((nk - slicesPerHead) / 2));
  const slices = Array.from({ length: Math.min(slicesPerHead, nk) }, (_, n): ImageVolume => {
    const from = (first + n) * area;
    return {
      data: Float32Array.from(volume.data.slice(from, from + area)),
      size: [ni, nj, 1],
      affine: volume.affine,
      channels: 1,
    };
  });
  return { subject, slices, images: await Promise.all(slices.map(async (slice) => see(nobody, slice))) };
}

/** Heads of a BIDS folder, cut into slices. */
export async function* realHeads(folder: string): AsyncGenerator<SlicedHead> {
  for (const { subject, images } of (await openDataSet(folder)).cases) {
    const { volume } = await readVolume(images[0]!, { as: "float32" });
    yield sliceHead(subject, volume as ImageVolume);
  }
}

/** A simulated person at two visits some years apart, on another day of the scanner each. */
export async function simulateVisits(
  seed: number,
  index: number,
): Promise<{ readonly visits: Head; readonly sliced: SlicedHead }> {
  const draw = rng(seed).split("audit", "person", index);
  const person = drawBrain(draw.split("brain"), { ageYears: [60, 85] });
  const loss = draw.split("loss").between(0.02, 0.1);
  const later = withAtrophy(person, { cortex: loss, hippocampus: 2 * loss, ventricles: 3 * loss });
  const grid = cohortGrid(cohortPresets.tiny);
  const subject = `head-${index}`;
  const images = [person, later].map((one, visit) => {
    const scan = draw.split("scan", visit);
    const uneven = withBiasField(
      t1Image(renderBrain(one, grid), scan.split("contrast")),
      scan.split("bias"),
      8,
    );
    return withRicianNoise(uneven, scan.split("noise"), 0.03);
  });
  const seen = await Promise.all(images.map(async (image) => see(nobody, image)));
  return { visits: { subject, images: seen }, sliced: await sliceHead(subject, images[0]!) };
}
