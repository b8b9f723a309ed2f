import { psnrDb, relativeRmse, ssim } from "../../metrics/quality.js";
import type { Validation } from "../../train/loop.js";
import { reconstructByNetwork, type SliceNetwork } from "./apply.js";
import type { TrainingScan } from "./draw.js";

/** How close an image comes to the truth, as the field measures it. */
export interface ImageScores {
  /** Root mean squared error over the truth's mean. */
  readonly rRMSE: number;
  /** The peak is the truth's largest value. */
  readonly psnrDb: number;
  /** The range is the truth's largest value. */
  readonly ssim: number;
}

/** Scores of a square image against the truth. */
export function scoreImage(truth: Float32Array, image: Float32Array): ImageScores {
  const size = Math.sqrt(truth.length);
  const peak = truth.reduce((a, b) => Math.max(a, b), 0);
  return {
    rRMSE: relativeRmse(truth, image),
    psnrDb: psnrDb(truth, image, peak),
    ssim: ssim(truth, image, [size, size, 1], { peak }),
  };
}

/** What a validation is ranked by: higher is better. */
export const score = "1 - rRMSE";

/** Validation while training: means of the scores over held-out slices. */
export async function validate(network: SliceNetwork, scans: readonly TrainingScan[]): Promise<Validation> {
  const images = await reconstructByNetwork(
    network,
    scans.map(({ scan }) => scan),
    (n) => scans[n]!.id,
  );
  const scores = scans.map(({ truth }, n) => scoreImage(truth, images[n]!));
  const mean = (pick: (one: ImageScores) => number): number =>
    scores.reduce((sum, one) => sum + pick(one), 0) / scores.length;
  const rRMSE = mean((one) => one.rRMSE);
  const metrics = {
    [score]: 1 - rRMSE,
    rRMSE,
    "PSNR dB": mean((one) => one.psnrDb),
    SSIM: mean((one) => one.ssim),
  };
  return { score: 1 - rRMSE, metrics };
}
