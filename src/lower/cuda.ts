import { chunkedWeightGrad } from "./conv/chunks.js";
import { portable } from "./portable.js";
import type { Target } from "./target.js";

/**
 * ONNX Runtime's CUDA provider: standard operators, as cuDNN has kernels for convolutions and for their input gradients
 * (ConvTranspose). It has none here for weight gradients: as one convolution whose kernel is a whole image, few numbers
 * would each be one long sum, so they are batches of matrix products, as on WebGPU. Not yet measured on a GPU.
 */
export const cuda: Target = {
  ...portable,
  name: "cuda",
  rewrites: { ...portable.rewrites, convWeightGrad: chunkedWeightGrad },
};
