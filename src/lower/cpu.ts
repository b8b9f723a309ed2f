import type { Node } from "../graph/node.js";
import { blockedDomain } from "./blocked/channels.js";
import { spellConv, spellFinishedConv, takesConv } from "./blocked/conv.js";
import { spellInputGrad, takesInputGrad } from "./blocked/input-grad.js";
import { spellWeightGrad, takesWeightGrad } from "./blocked/weight-grad.js";
import { leakyRelu, scaleShiftInParts, spellScaleShift, sumProduct } from "./channels.js";
import { inputGrad, weightGrad } from "./conv/gradients.js";
import { gate, logSoftmax, matmul, microsoft, softmax } from "./processor.js";
import { scalarsFirst } from "./scalars.js";
import { portableSpellings } from "./spell.js";
import type { Emitter, Spelling, Target } from "./target.js";

type BlockedSpelling = (node: Node, inputs: readonly string[], e: Emitter, block: number) => string;

/**
 * ONNX Runtime's CPU provider, with its own operators where they are faster. `block` is how many channels its blocked
 * convolutions take at once on this processor, if it has them: `nodeCpu.target()` finds out.
 */
export function cpuWith(block: number | undefined): Target {
  const blocked =
    (takes: (node: Node, block: number) => boolean, spell: BlockedSpelling, otherwise: Spelling): Spelling =>
    (node, inputs, e) =>
      block !== undefined && takes(node, block) ? spell(node, inputs, e, block) : otherwise(node, inputs, e);
  const { conv, convInputGrad, convWeightGrad } = portableSpellings;
  return {
    name: "cpu",
    opsets: { "": 18, [microsoft]: 1, ...(block === undefined ? {} : { [blockedDomain]: 1 }) },
    spellings: {
      ...portableSpellings,
      matmul,
      gate,
      scaleShift: (node, inputs, e) =>
        (block !== undefined && spellFinishedConv(node, e, block)) || spellScaleShift(node, inputs, e),
      conv: blocked(takesConv, spellConv, conv!),
      convInputGrad: blocked(takesInputGrad, spellInputGrad, convInputGrad!),
      convWeightGrad: blocked(takesWeightGrad, spellWeightGrad, convWeightGrad!),
    },
    rewrites: {
      leakyRelu,
      scaleShift: scaleShiftInParts,
      sumProduct,
      convInputGrad: (node) =>
        block !== undefined && takesInputGrad(node, block) ? undefined : inputGrad(node),
      convWeightGrad: (node) =>
        block !== undefined && takesWeightGrad(node, block) ? undefined : weightGrad(node),
      mul: scalarsFirst,
      softmax,
      logSoftmax,
    },
  };
}

/** For any processor: without blocked convolutions. */
export const cpu = cpuWith(undefined);
