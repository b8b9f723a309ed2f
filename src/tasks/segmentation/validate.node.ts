import type { Validation } from "../../train/loop.js";
import type { LabelVolume } from "../../volume/volume.js";
import type { TrainingCase } from "./batches.js";
import type { OpenNetwork } from "./network.node.js";
import { mostLikely, predictProbabilities } from "./sliding.js";

/**
 * Validation while training: every held-out case predicted in windows without overlap, Dice of each label over its
 * cases. A case where a label is absent on both sides does not count for it.
 */
export async function validate(
  { network, model }: OpenNetwork,
  cases: readonly TrainingCase[],
  signal?: AbortSignal,
): Promise<Validation> {
  const totals = model.labels.map(() => ({ sum: 0, count: 0 }));
  let likelihood = 0;
  let voxels = 0;
  for (const { image, label } of cases) {
    const probabilities = await predictProbabilities(network, image, {
      overlap: 0,
      ...(signal === undefined ? {} : { signal }),
    });
    const found = mostLikely(probabilities, network.classes);
    model.labels.forEach((_, at) => {
      const dice = diceOf(label, found, at + 1);
      if (dice === undefined) return;
      totals[at]!.sum += dice;
      totals[at]!.count++;
    });
    const count = label.data.length;
    for (let v = 0; v < count; v++)
      likelihood -= Math.log(Math.max(1e-12, probabilities[label.data[v]! * count + v]!));
    voxels += count;
  }
  const metrics: Record<string, number> = {};
  const means = totals.flatMap(({ sum, count }, at) => {
    if (count === 0) return [];
    metrics[`dice ${model.labels[at]!.name}`] = sum / count;
    return [sum / count];
  });
  const score = means.length === 0 ? 0 : means.reduce((a, b) => a + b, 0) / means.length;
  return { score, loss: likelihood / voxels, metrics: { ...metrics, "mean dice": score } };
}

function diceOf({ data }: LabelVolume, found: Uint8Array, value: number): number | undefined {
  let [both, either] = [0, 0];
  for (let v = 0; v < data.length; v++) {
    const [a, b] = [data[v] === value, found[v] === value];
    if (a && b) both++;
    either += Number(a) + Number(b);
  }
  return either === 0 ? undefined : (2 * both) / either;
}
