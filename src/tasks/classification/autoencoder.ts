import type { Shape, Tensor } from "../../core/tensor.js";
import { l2 } from "../../loss/regression.js";
import { convAutoencoder } from "../../models/conv-autoencoder.js";
import { buildStep, type MemoryUse, type Step } from "../../train/step.js";
import { optimizerOf } from "../settings.js";
import type { ClassificationConfig } from "./config.js";

/**
 * The step that trains a network's convolutions with their mirror image to give back what they see, of `shape`; the batch
 * is that of classification, whose labels nobody looks at. Nothing for networks that are no "conv-fc".
 */
export function autoencoderStep(
  config: Pick<ClassificationConfig, "network" | "batch"> & Parameters<typeof optimizerOf>[0],
  shape: Shape,
  memory: MemoryUse = "normal",
): Step | undefined {
  const { network, batch } = config;
  if (network.kind !== "conv-fc") return undefined;
  return buildStep({
    batch: {
      image: { dtype: "float32", shape: [batch, ...shape] },
      label: { dtype: "int32", shape: [batch] },
    },
    objective: (scope, { image }) => ({ loss: l2(convAutoencoder(scope, image!, network), image!) }),
    optimizer: optimizerOf(config),
    memory,
  });
}

/**
 * Of an autoencoder's weights the way down alone, under the names that the network knows it by; of several networks, one a
 * position, all begin with the same.
 */
export function encoderOf(
  weights: Readonly<Record<string, Tensor>>,
  networks?: number,
): Record<string, Tensor> {
  const scopes =
    networks === undefined ? ["/"] : Array.from({ length: networks }, (_, n) => `/position${n}.`);
  return Object.fromEntries(
    Object.entries(weights)
      .filter(([name]) => name.includes("/encoder."))
      .flatMap(([name, value]) => scopes.map((scope) => [name.replace("/encoder.", scope), value])),
  );
}
