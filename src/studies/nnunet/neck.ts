import { fail } from "../../core/errors.js";
import { crop } from "../../volume/crop.js";
import type { ImageVolume, LabelVolume, Volume } from "../../volume/volume.js";
import type { StudyCase } from "./data.js";

/** A scan of a neck in the canonical frame, and where its cord is. */
export interface NeckScan {
  readonly name: string;
  readonly image: ImageVolume;
  readonly cord: Volume;
}

/**
 * The lower and the upper part of scans of one neck, all cut at one height, the middle of what all show, so that a part
 * that is held out in one scan is not learnt from in another: `subject` is the part.
 */
export function neckParts(scans: readonly NeckScan[]): StudyCase[] {
  const spans = scans.map(({ image }) => {
    const bottom = image.affine[11]! - image.affine[10]! / 2;
    return [bottom, bottom + image.affine[10]! * image.size[2]] as const;
  });
  const low = Math.max(...spans.map(([from]) => from));
  const high = Math.min(...spans.map(([, to]) => to));
  if (!(high > low))
    fail("bad-data", {
      what: "the scans of the neck show no height together",
      where: scans.map(({ name }) => name).join(", "),
      expected: "scans of one person in one frame",
      found: spans.map(([from, to]) => `${from.toFixed(0)} to ${to.toFixed(0)} mm`).join(", "),
      fix: "Look at their headers",
    });
  return scans.flatMap(({ name, image, cord }, at) => {
    const [ni, nj, nk] = image.size;
    const cut = Math.round(((low + high) / 2 - spans[at]![0]) / image.affine[10]!);
    const parts = [
      ["lower", 0, cut],
      ["upper", cut, nk],
    ] as const;
    return parts.map(([part, from, to]): StudyCase => {
      const box = { start: [0, 0, from], size: [ni, nj, to - from] } as const;
      const own = crop(cord, box);
      const data = Uint8Array.from(own.data, (value) => (value > 0 ? 1 : 0));
      const label: LabelVolume = { ...own, data };
      return { id: `${name}-${part}`, subject: part, image: crop(image, box) as ImageVolume, label };
    });
  });
}
