import { denoiseByNetwork } from "../../tasks/denoising/apply.js";
import { openModelAt } from "../../tasks/denoising/network.node.js";
import { rangeOf } from "../../volume/intensity.js";
import { levelsOf, type NetworkName, ofAllLevels, trainedLevel } from "./plan.js";
import type { Judged } from "./score.js";
import { judgedOf, type Trial } from "./trial.js";

/** A network's results on the noisy scans that the classic methods get; on one thread, as another number can change the last bits. */
export async function judge(
  name: NetworkName,
  runDir: string,
  trials: readonly Trial[],
  signal: AbortSignal,
): Promise<Judged[]> {
  const wanted = trials.filter(({ set, level }) => set !== "simulated" || levelsOf(name).includes(level));
  if (wanted.length === 0) return [];
  const open = await openModelAt(runDir, { threads: 1 });
  try {
    const found: Judged[] = [];
    for (const trial of wanted) {
      const { image, sigma } = trial.scan();
      const where = trial.head.id;
      // What a network of one level knows of noise is that level.
      const told = ofAllLevels(name) ? sigma : (trainedLevel / 100) * rangeOf(trial.head.image.data)[1];
      const result = await denoiseByNetwork(open, image, { sigma: told, where, signal });
      found.push(judgedOf(trial, name, result, sigma));
    }
    return found;
  } finally {
    await open.executable.dispose();
  }
}
