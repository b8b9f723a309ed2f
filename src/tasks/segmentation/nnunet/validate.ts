import { floats, type Tensor, tensor } from "../../../core/tensor.js";
import type { Batch, Validation } from "../../../train/loop.js";
import { mostLikely, type PatchNetwork } from "../sliding.js";
import type { Plan } from "./plan.js";
import { targetNames } from "./score.js";

/** Counts of a target over all patches. */
interface Counts {
  both: number;
  found: number;
  wanted: number;
}

/**
 * The pseudo-Dice of nnU-Net: patches of held-out cases as they would be trained on, without augmentation, counted
 * together as if they were one image; targets that are on neither side do not count. Cheaper than whole images, and
 * enough to see how a training goes.
 */
export async function pseudoDice(
  { executable, classes: outputs }: Pick<PatchNetwork, "executable" | "classes">,
  batches: AsyncIterable<Batch>,
  { regions, classes, ignoredClass }: Plan["dataset"],
): Promise<Validation> {
  const names = targetNames({ regions, classes, ignoredClass } as Plan["dataset"]);
  const counts = names.map((): Counts => ({ both: 0, found: 0, wanted: 0 }));
  let [likelihood, voxels] = [0, 0];
  for await (const { tensors } of batches)
    for (let sample = 0; sample < tensors.image!.shape[0]!; sample++) {
      const fed = part(tensors.image!, sample);
      const probabilities = (await executable.run({ image: fed })).probabilities!.data as Float32Array;
      const label = part(tensors.label0!, sample).data as Uint8Array;
      const weight = tensors.weight0 && (part(tensors.weight0, sample).data as Float32Array);
      const counted = regions === null ? countClasses : countRegions;
      const seen = counted(probabilities, label, weight, outputs, counts);
      likelihood += seen.likelihood;
      voxels += seen.voxels;
    }
  const metrics: Record<string, number> = {};
  const scores = counts.flatMap(({ both, found, wanted }, at) => {
    if (found + wanted === 0) return [];
    const dice = (2 * both) / (found + wanted);
    metrics[`dice ${names[at]!}`] = dice;
    return [dice];
  });
  const score = scores.length === 0 ? 0 : scores.reduce((a, b) => a + b, 0) / scores.length;
  const loss = voxels === 0 ? 0 : likelihood / voxels;
  return { score, loss, metrics: { ...metrics, "mean dice": score } };
}

function part({ dtype, shape, data }: Tensor, sample: number): Tensor {
  const size = data.length / shape[0]!;
  const values = data.slice(sample * size, (sample + 1) * size);
  const extents = [1, ...shape.slice(1)];
  return dtype === "uint8"
    ? tensor("uint8", extents, values as Uint8Array)
    : dtype === "float32"
      ? tensor("float32", extents, values as Float32Array)
      : floats(extents, values as Float32Array);
}

type Seen = { readonly likelihood: number; readonly voxels: number };

function countClasses(
  probabilities: Float32Array,
  label: Uint8Array,
  weight: Float32Array | undefined,
  outputs: number,
  counts: readonly Counts[],
): Seen {
  const voxels = label.length;
  const found = mostLikely(probabilities, outputs);
  let [likelihood, counted] = [0, 0];
  for (let at = 0; at < voxels; at++) {
    if (weight?.[at] === 0) continue;
    const [a, b] = [found[at]!, label[at]!];
    if (a > 0) counts[a - 1]!.found++;
    if (b > 0) counts[b - 1]!.wanted++;
    if (a > 0 && a === b) counts[a - 1]!.both++;
    likelihood -= Math.log(Math.max(1e-12, probabilities[b * voxels + at]!));
    counted++;
  }
  return { likelihood, voxels: counted };
}

function countRegions(
  probabilities: Float32Array,
  label: Uint8Array,
  weight: Float32Array | undefined,
  outputs: number,
  counts: readonly Counts[],
): Seen {
  const voxels = label.length / outputs;
  let [likelihood, counted] = [0, 0];
  for (let region = 0; region < outputs; region++)
    for (let at = 0; at < voxels; at++) {
      if (weight?.[at] === 0) continue;
      const p = probabilities[region * voxels + at]!;
      const wanted = label[region * voxels + at] === 1;
      if (p > 0.5) counts[region]!.found++;
      if (wanted) counts[region]!.wanted++;
      if (wanted && p > 0.5) counts[region]!.both++;
      likelihood -= Math.log(Math.max(1e-12, wanted ? p : 1 - p));
      counted++;
    }
  return { likelihood, voxels: counted };
}
