import { inputGrad, weightGrad } from "./cpu/conv.js";
import { portableSpellings } from "./spell.js";
import type { Spelling, Target } from "./target.js";

const microsoft = "com.microsoft";

/** Matrix products that read a side transposed instead of copying it first. */
const matmul: Spelling = (node, inputs, e) => {
  const { transA, transB } = node.attributes as { transA: boolean; transB: boolean };
  if (!transA && !transB) return e.emit("MatMul", inputs);
  return e.emit("FusedMatMul", inputs, { transA: Number(transA), transB: Number(transB) }, microsoft);
};

/** ONNX Runtime's CPU provider, with its own operators where they are faster. */
export const cpu: Target = {
  name: "cpu",
  opsets: { "": 18, [microsoft]: 1 },
  spellings: { ...portableSpellings, matmul },
  rewrites: { convInputGrad: inputGrad, convWeightGrad: weightGrad },
};
