import { inputGrad, weightGrad } from "./conv/gradients.js";
import { gate, logSoftmax, matmul, microsoft, softmax } from "./processor.js";
import { portableSpellings } from "./spell.js";
import { sumInStages } from "./stages.js";
import type { Target } from "./target.js";

/**
 * ONNX Runtime's CPU provider in WebAssembly: the kernels of `cpu`, compiled for 128-bit SIMD, without its blocked
 * layout.
 */
export const wasm: Target = {
  name: "wasm",
  opsets: { "": 18, [microsoft]: 1 },
  spellings: { ...portableSpellings, matmul, gate },
  rewrites: { convInputGrad: inputGrad, convWeightGrad: weightGrad, softmax, logSoftmax, sum: sumInStages },
};
