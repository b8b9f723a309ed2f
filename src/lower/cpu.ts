import { leakyRelu, scaleShiftInParts, spellScaleShift, sumProduct } from "./channels.js";
import { blockedDomain, blockedOr } from "./conv/blocked.js";
import { spellWeightGrad, takesWeightGrad } from "./conv/blocked-weight-grad.js";
import { inputGrad, weightGrad } from "./conv/gradients.js";
import { gate, logSoftmax, matmul, microsoft, softmax } from "./processor.js";
import { portableSpellings } from "./spell.js";
import type { Target } from "./target.js";

/** ONNX Runtime's CPU provider, with its own operators where they are faster. */
export const cpu: Target = {
  name: "cpu",
  opsets: { "": 18, [microsoft]: 1, [blockedDomain]: 1 },
  spellings: {
    ...portableSpellings,
    matmul,
    gate,
    scaleShift: spellScaleShift,
    conv: blockedOr(portableSpellings.conv!),
    convWeightGrad: (node, inputs, e) =>
      (takesWeightGrad(node) ? spellWeightGrad : portableSpellings.convWeightGrad!)(node, inputs, e),
  },
  rewrites: {
    leakyRelu,
    scaleShift: scaleShiftInParts,
    sumProduct,
    convInputGrad: inputGrad,
    convWeightGrad: (node) => (takesWeightGrad(node) ? undefined : weightGrad(node)),
    softmax,
    logSoftmax,
  },
};
