import { sizeOf, tensor } from "../../core/tensor.js";
import type { Executable } from "../../runtime/engine.js";
import type { ImageVolume } from "../../volume/volume.js";
import { viewOf } from "./batches.js";
import type { ClassificationModel } from "./run.js";

/** A network that is ready, and what it needs to know. */
export interface Classifier {
  readonly executable: Executable;
  readonly model: ClassificationModel;
}

/** Positions that are predicted at once: all of them where each has a network of its own. */
export function samplesAtOnce({
  positions,
  several,
}: Pick<ClassificationModel, "positions" | "several">): number {
  return several ? positions.length : Math.min(8, positions.length);
}

/** The positions of a prepared image, in groups as the network takes them; the last one is filled up with zeros. */
export function* viewsInGroups(
  image: ImageVolume,
  model: Pick<ClassificationModel, "positions" | "several" | "resized" | "shape">,
): Generator<{ readonly first: number; readonly count: number; readonly data: Float32Array }> {
  const { positions, shape } = model;
  const at = samplesAtOnce(model);
  const size = sizeOf(shape);
  for (let first = 0; first < positions.length; first += at) {
    const count = Math.min(at, positions.length - first);
    const data = new Float32Array(at * size);
    for (let n = 0; n < count; n++) viewOf(image, positions[first + n]!, model, data, n * size);
    yield { first, count, data };
  }
}

/** The probability of the positive class at every position of a prepared image. */
export async function probabilitiesOf(
  { executable, model }: Classifier,
  image: ImageVolume,
): Promise<Float32Array> {
  const found = new Float32Array(model.positions.length);
  const shape = [samplesAtOnce(model), ...model.shape];
  for (const { first, count, data } of viewsInGroups(image, model)) {
    const { probabilities } = await executable.run({ image: tensor("float32", shape, data) });
    for (let n = 0; n < count; n++) found[first + n] = Number(probabilities!.data[2 * n + 1]);
  }
  return found;
}
