import type { TensorType } from "../../graph/node.js";
import { type Program, program } from "../../graph/program.js";
import { l2 } from "../../loss/regression.js";
import { deepPet } from "../../models/deeppet.js";
import { trace } from "../../nn/scope.js";
import { input } from "../../ops/leaf.js";
import type { PetGeometry } from "../../sim/pet/geometry.js";
import { buildStep, type MemoryUse, type Step } from "../../train/step.js";
import { optimizerOf } from "../settings.js";
import type { ReconstructionConfig } from "./config.js";
import { inputExtents } from "./input.js";

type Extents = Pick<PetGeometry, "views" | "bins" | "imageSize">;

/** Shapes of a batch: `sinogram` `[N, channel, view, bin]` (or images in its place: see `inputExtents`), `image` `[N, 1, j, i]`. */
export function batchTypes(
  { inputs }: Pick<ReconstructionConfig, "inputs">,
  geometry: Extents,
  batch: number,
): { readonly sinogram: TensorType; readonly image: TensorType } {
  const { imageSize } = geometry;
  return {
    sinogram: { dtype: "float32", shape: [batch, ...inputExtents(inputs, geometry)] },
    image: { dtype: "float32", shape: [batch, 1, imageSize, imageSize] },
  };
}

/** The training step: mean squared error of images in units of their slice's mean activity. */
export function reconstructionStep(
  config: ReconstructionConfig,
  geometry: Extents,
  memory: MemoryUse = "normal",
): Step {
  return buildStep({
    batch: batchTypes(config, geometry, config.batch),
    optimizer: optimizerOf(config),
    memory,
    ...(config.average === null ? {} : { average: config.average }),
    objective: (scope, { sinogram, image }) => ({
      loss: l2(deepPet(scope, sinogram!, config.network), image!),
    }),
  });
}

/** The predicting graph of so many slices: `sinogram` → `image`, running statistics; weights are inputs. */
export function predictionProgram(config: ReconstructionConfig, geometry: Extents, batch: number): Program {
  const { shape } = batchTypes(config, geometry, batch).sinogram;
  const sinogram = input("sinogram", shape);
  const { result } = trace(false, (scope) => deepPet(scope, sinogram, config.network));
  return program({ image: result });
}
