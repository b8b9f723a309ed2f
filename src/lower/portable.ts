import { blockwiseInputGrad } from "./conv/gradients.js";
import { portableSpellings } from "./spell.js";
import type { Target } from "./target.js";

/** Standard ONNX operators only: every exported file, loadable by any ONNX runtime. */
export const portable: Target = {
  name: "portable",
  opsets: { "": 18 },
  spellings: portableSpellings,
  rewrites: { convInputGrad: blockwiseInputGrad },
};
