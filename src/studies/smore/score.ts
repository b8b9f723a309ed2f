import { compareImages } from "../../metrics/compare.js";
import type { MeanInterval } from "../../metrics/interval.js";
import { countLabels } from "../../metrics/overlap.js";
import type { ImageVolume, LabelVolume } from "../../volume/volume.js";
import type { Method } from "./plan.js";

export interface Scores {
  /** null: of the full resolution itself. */
  readonly psnrDb: number | null;
  readonly ssim: number | null;
  /** Mean over the tissues. */
  readonly dice: number;
}

/** A square of a plane across the slices, for pictures: values in whole numbers. */
export interface Cut {
  readonly edge: number;
  readonly values: readonly number[];
}

/** What the methods did with a head in slices of a thickness. */
export interface Judged {
  /** A simulated head's name, or the axis across the slices of the real one. */
  readonly id: string;
  readonly real: boolean;
  readonly thicknessMm: number;
  readonly scores: Readonly<Partial<Record<Method, Scores>>>;
  readonly cuts?: Readonly<Partial<Record<Method, Cut>>>;
}

/** How near an image comes to the head: the peak is the head's brightest voxel, over the field that both have. */
export function imageScores(
  truth: ImageVolume,
  image: ImageVolume,
): { readonly psnrDb: number; readonly ssim: number } {
  const { psnrDb, ssim } = compareImages(truth, image);
  return { psnrDb, ssim };
}

/** Mean Dice over the tissues 1 to 3. */
export function meanDice(reference: LabelVolume, found: LabelVolume): number {
  const counts = countLabels(reference.data, found.data);
  const dice = [1, 2, 3].map((label) => {
    const sum = (counts.reference[label] ?? 0) + (counts.prediction[label] ?? 0);
    return sum === 0 ? 1 : (2 * (counts.both[label] ?? 0)) / sum;
  });
  return dice.reduce((a, b) => a + b, 0) / dice.length;
}

/** A square about the middle of the middle plane across the slices: slices lie one above the other. */
export function cutOf({ data, size }: ImageVolume, axis: 0 | 1 | 2): Cut {
  const other = axis === 0 ? 1 : 0;
  const third = 3 - axis - other;
  const edge = Math.min(64, size[axis]!, size[other]!);
  const strides = [1, size[0], size[0] * size[1]];
  const from = (n: number): number => (n - edge) >> 1;
  const base = (size[third]! >> 1) * strides[third]!;
  const values: number[] = [];
  for (let y = 0; y < edge; y++)
    for (let x = 0; x < edge; x++) {
      const at = (y + from(size[axis]!)) * strides[axis]! + (x + from(size[other]!)) * strides[other]!;
      values.push(Math.round(data[base + at]!));
    }
  return { edge, values };
}

/** What was found. */
export interface Evidence {
  readonly judged: readonly Judged[];
  readonly thicknessesMm: readonly number[];
  /** A score of a method at a thickness, head by head in one order; of the real head axis by axis. */
  values(real: boolean, method: Method, mm: number, measure: keyof Scores): number[];
  mean(real: boolean, method: Method, mm: number, measure: keyof Scores): MeanInterval;
}
