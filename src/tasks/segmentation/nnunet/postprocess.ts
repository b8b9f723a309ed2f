import { z } from "zod";
import { largestComponent } from "../../../volume/components.js";
import { boundingBox, crop } from "../../../volume/crop.js";
import type { LabelVolume, Volume } from "../../../volume/volume.js";

/** A step of post-processing: of these classes together the largest connected piece stays, the rest is background. */
export const postprocessingSchema = z.array(
  z.object({ keepLargest: z.array(z.number().int().positive()).min(1) }).strict(),
);

/** Steps in their order; none where nothing was found to help. */
export type Postprocessing = z.infer<typeof postprocessingSchema>;

/**
 * Apply steps to a map of classes. Pieces hang together by faces, edges or corners; of equally large ones the first in
 * memory stays. Returns the map itself where nothing changes.
 */
export function postprocess(labels: LabelVolume, steps: Postprocessing): LabelVolume {
  return steps.reduce((map, { keepLargest }) => keepLargestOf(map, keepLargest), labels);
}

function keepLargestOf(labels: LabelVolume, classes: readonly number[]): LabelVolume {
  const { data, size } = labels;
  const wanted = new Uint8Array(65536);
  for (const one of classes) wanted[one] = 1;
  const mask: Volume<Uint8Array> = { ...labels, data: new Uint8Array(data.length) };
  for (let at = 0; at < data.length; at++) mask.data[at] = wanted[data[at]!]!;
  const box = boundingBox(mask);
  if (box === undefined) return labels;
  const kept = largestComponent(crop(mask, box)).data;
  const cleaned = data.slice();
  const [bi, bj, bk] = box.size;
  let from = 0;
  for (let k = 0; k < bk; k++)
    for (let j = 0; j < bj; j++) {
      let at = ((k + box.start[2]) * size[1] + j + box.start[1]) * size[0] + box.start[0];
      for (let i = 0; i < bi; i++, at++, from++) if (mask.data[at] !== 0 && kept[from] === 0) cleaned[at] = 0;
    }
  return { ...labels, data: cleaned };
}
