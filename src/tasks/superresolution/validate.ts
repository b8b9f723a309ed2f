import { rng } from "../../core/rng.js";
import { psnrDb } from "../../metrics/quality.js";
import type { Validation } from "../../train/loop.js";
import type { SuperresolutionNetwork } from "./apply.js";
import { type BatchPlan, type Pair, pairDrawer, tasksOf } from "./batches.js";
import type { TrainingStack } from "./stack.js";

/** What a validation is ranked by: higher is better. */
export const score = "PSNR dB";
export const scores = [score, "PSNR gain dB"];

/** Patches of each held-out scan that are judged while training, and their edge in voxels. */
const patchesPerScan = 32;
const edge = 64;

/** Patches of held-out scans before and after both networks' work, the same ones at every validation. */
export function heldPairs(stacks: readonly TrainingStack[], plan: BatchPlan): Pair[] {
  const root = rng(plan.seed).split("validation");
  const draw = pairDrawer({ ...plan, patch: edge, rotations: 1 });
  return stacks.flatMap((stack) =>
    Array.from({ length: patchesPerScan }, (_, n) => draw(stack, root.split(stack.id, n), "both")),
  );
}

/** Validation while training: mean PSNR over patches, the 99.9th percentile of the scan as the peak, and the gain on interpolation. */
export async function validate(network: SuperresolutionNetwork, pairs: readonly Pair[]): Promise<Validation> {
  const pixels = edge * edge;
  let current = pairs.map(({ input }) => input);
  for (const task of tasksOf(network.model)) {
    const runner = await network.open(task, edge, edge);
    const results: Float32Array[] = [];
    for (let from = 0; from < current.length; from += runner.slices) {
      const input = new Float32Array(runner.slices * pixels);
      const part = current.slice(from, from + runner.slices);
      part.forEach((patch, n) => {
        input.set(patch, n * pixels);
      });
      const found = await runner.run(input);
      results.push(...part.map((_, n) => found.slice(n * pixels, (n + 1) * pixels)));
    }
    await runner.close();
    current = results;
  }
  let [sum, before] = [0, 0];
  for (const [n, { input, target }] of pairs.entries()) {
    sum += psnrDb(target, current[n]!, 1);
    before += psnrDb(target, input, 1);
  }
  const mean = sum / pairs.length;
  return { score: mean, metrics: { [score]: mean, "PSNR gain dB": mean - before / pairs.length } };
}
