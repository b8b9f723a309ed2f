/** The classifier as a model of standard operators: `features` in, `probabilities` of both classes out. */
import { GyrusError } from "../../core/errors.js";
import { floats } from "../../core/tensor.js";
import { encodeModel, readMetadata } from "../../graph/onnx/model.js";
import { parseJson } from "../../io/json.js";
import { nodeFiles } from "../../io/node.js";
import type { Executable } from "../../runtime/engine.js";
import { openModel } from "../../runtime/node.js";
import { paths } from "../run-folder.node.js";
import type { LinearClassifier } from "./fit.js";
import { type ClassicModel, classicModelSchema } from "./run.js";

/** As ONNX: `features` [1, count] to `probabilities` [1, 2], what the features are in the metadata. */
export function encodeClassic({ weights, bias }: LinearClassifier, model: ClassicModel): Uint8Array {
  const n = weights.length;
  // The first class is the second's complement: its logit is the same with the other sign.
  const both = new Float32Array(2 * n);
  for (let a = 0; a < n; a++) {
    both[2 * a] = -weights[a]!;
    both[2 * a + 1] = weights[a]!;
  }
  return encodeModel({
    nodes: [
      {
        type: "MatMul",
        name: "weigh",
        inputs: ["features", "weights"],
        outputs: ["weighed"],
        attributes: {},
      },
      { type: "Add", name: "shift", inputs: ["weighed", "bias"], outputs: ["logits"], attributes: {} },
      { type: "Sigmoid", name: "squash", inputs: ["logits"], outputs: ["probabilities"], attributes: {} },
    ],
    inputs: { features: { dtype: "float32", shape: [1, n] } },
    outputs: { probabilities: { dtype: "float32", shape: [1, 2] } },
    initializers: { weights: floats([n, 2], both), bias: floats([2], [-bias, bias]) },
    opsets: { "": 17 },
    metadata: { gyrus: JSON.stringify(model) },
  });
}

export interface OpenClassic {
  readonly model: ClassicModel;
  readonly executable: Executable;
}

/** Open a run folder's model, or an exported file. Throws `not-found` and `bad-file`. */
export async function openClassic(path: string): Promise<OpenClassic> {
  const file = (await nodeFiles.list(path)) === undefined ? path : paths.model(path);
  const bytes = await nodeFiles.read(file);
  const record = readMetadata(bytes, file).gyrus;
  if (record === undefined)
    throw new GyrusError("bad-file", {
      what: "the model does not say what its features are",
      where: file,
      expected: "a model that gyrus export wrote",
      fix: "Export the run again",
    });
  return {
    model: parseJson(classicModelSchema, record, file),
    executable: await openModel(bytes),
  };
}

/** Probability of the second class. */
export async function probabilityOf({ executable }: OpenClassic, features: Float32Array): Promise<number> {
  const { probabilities } = await executable.run({ features: floats([1, features.length], features) });
  return Number(probabilities!.data[1]);
}
