import type { LabelTable } from "../../../metrics/overlap.js";
import { type CaseScore, scoreSegmentation } from "../../../metrics/summary.js";
import type { LabelVolume } from "../../../volume/volume.js";
import type { Plan } from "./plan.js";

/** Surface Dice counts surfaces as agreeing within this distance. */
export const toleranceMm = 1;

type Dataset = Plan["dataset"];

/** What is judged: every region, or every label but background. */
export function targetNames({ regions, classes }: Dataset): string[] {
  return regions?.map(({ name }) => name) ?? classes.slice(1);
}

/**
 * Overlap and surface scores of a prediction on the scan's grid, label by label or region by region. Voxels that nobody
 * labelled count on neither side.
 */
export function scoreCase(
  who: { readonly case: string; readonly subject: string },
  reference: LabelVolume,
  prediction: LabelVolume,
  { regions, classes, ignoredClass }: Dataset,
): CaseScore {
  const [truth, found] =
    ignoredClass === null
      ? [reference, prediction]
      : [without(reference, reference, ignoredClass), without(prediction, reference, ignoredClass)];
  if (regions === null) {
    const labels: LabelTable = Object.fromEntries(classes.slice(1).map((name, at) => [name, at + 1]));
    return scoreSegmentation(who, truth, found, labels, { toleranceMm });
  }
  const scores: Record<string, CaseScore["scores"][string]> = {};
  for (const { name, classes: members } of regions) {
    const one = scoreSegmentation(
      who,
      mask(truth, members),
      mask(found, members),
      { [name]: 1 },
      { toleranceMm },
    );
    scores[name] = one.scores[name]!;
  }
  return { ...who, scores };
}

/** A label map that is background where the reference holds the class. */
function without(volume: LabelVolume, reference: LabelVolume, gone: number): LabelVolume {
  const data = volume.data.slice();
  for (let at = 0; at < data.length; at++) if (reference.data[at] === gone) data[at] = 0;
  return { ...volume, data };
}

function mask(volume: LabelVolume, members: readonly number[]): LabelVolume {
  const wanted = new Uint8Array(65536);
  for (const one of members) wanted[one] = 1;
  return { ...volume, data: Uint8Array.from(volume.data, (value) => wanted[value]!) };
}
