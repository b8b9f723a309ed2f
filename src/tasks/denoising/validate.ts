import { rng } from "../../core/rng.js";
import { floats } from "../../core/tensor.js";
import { psnrDb } from "../../metrics/quality.js";
import type { Validation } from "../../train/loop.js";
import type { Size3 } from "../../volume/volume.js";
import type { DenoisingNetwork } from "./apply.js";
import { drawPair, indexBright, type Pair, type PairPlan, type TrainingVolume } from "./batches.js";

/** What a validation is ranked by: higher is better. */
export const score = "PSNR dB";
export const scores = [score, "PSNR gain dB"];

/** Windows of each held-out volume that are judged while training. */
const windowsPerVolume = 4;

/** Windows of held-out volumes with noise of rising levels, the same ones at every validation. */
export function heldWindows(
  volumes: readonly TrainingVolume[],
  plan: Pick<PairPlan, "noise" | "units"> & { readonly window: Size3 },
  seed: number,
): Pair[] {
  const root = rng(seed).split("validation");
  const [low, high] = plan.noise;
  return volumes.flatMap((one) => {
    const bright = indexBright(one.image, one.brightness);
    return Array.from({ length: windowsPerVolume }, (_, n) => {
      const level = low + ((high - low) * n) / (windowsPerVolume - 1);
      const how = {
        noise: [level, level] as [number, number],
        patch: [...plan.window] as [number, number, number],
        units: plan.units,
        foreground: 1,
        mirror: false,
      };
      return drawPair(one, root.split(one.id, n), how, bright);
    });
  });
}

/** Validation while training: mean PSNR over windows, with each volume's brightest voxel as the peak, and the gain on the noisy ones'. */
export async function validate(
  { executable, model: { window } }: DenoisingNetwork,
  pairs: readonly Pair[],
): Promise<Validation> {
  const [i, j, k] = window;
  let [sum, before] = [0, 0];
  for (const { clean, noisy, peak } of pairs) {
    const found = await executable.run({ noisy: floats([1, 1, k, j, i], noisy) });
    sum += psnrDb(clean, found.clean!.data as Float32Array, peak);
    before += psnrDb(clean, noisy, peak);
  }
  const mean = sum / pairs.length;
  return { score: mean, metrics: { [score]: mean, "PSNR gain dB": mean - before / pairs.length } };
}
