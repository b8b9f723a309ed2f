import type { Value } from "../../graph/node.js";
import { normal } from "../../nn/initialize.js";
import { bias, conv, linear } from "../../nn/layers.js";
import { batchNorm } from "../../nn/norms.js";
import type { Scope } from "../../nn/scope.js";
import { relu, sigmoid } from "../../ops/elementwise.js";
import { reshape } from "../../ops/move.js";
import { mean } from "../../ops/norm.js";
import { structures } from "./data.js";

export type Activation = "sigmoid" | "relu";

/** What is compared: everything else about two networks is the same, the first weights included. */
export interface Variant {
  readonly network: "dense" | "conv";
  readonly activation: Activation;
  readonly batchNorm: boolean;
}

export interface Outputs {
  /** `[N, 10]`. */
  readonly logits: Value;
  /** What enters the last hidden layer's activation. */
  readonly inputs: Value;
}

/** Small Gaussian weights, variance 1 / fan-in, or 2 / fan-in before a ReLU: the same with and without normalisation. */
function gaussian(activation: Activation, fanIn: number) {
  return normal(Math.sqrt((activation === "relu" ? 2 : 1) / fanIn));
}

/** g(BN(W u)) or g(W u + b): with normalisation the bias is redundant, since BN has its own shift. */
function activated(scope: Scope, x: Value, { activation, batchNorm: normalised }: Variant) {
  const inputs = normalised ? batchNorm(scope.child("norm"), x) : bias(scope, x);
  return { inputs, y: activation === "relu" ? relu(inputs) : sigmoid(inputs) };
}

/** Three hidden layers of 100 units, as in section 4.1 of Ioffe & Szegedy 2015. Images `[N, 1, 28, 28]`. */
function dense(scope: Scope, images: Value, variant: Variant): Outputs {
  let y = reshape(images, [images.shape[0]!, -1]);
  let inputs = y;
  for (const name of ["hidden1", "hidden2", "hidden3"]) {
    const layer = scope.child(name);
    const initialize = gaussian(variant.activation, y.shape[1]!);
    ({ inputs, y } = activated(layer, linear(layer, y, { channels: 100, bias: false, initialize }), variant));
  }
  return { logits: classifier(scope, y), inputs };
}

/** Channels and stride of the convolutions, 3x3 each. */
export const convLayers: readonly { readonly channels: number; readonly stride: number }[] = [
  { channels: 8, stride: 2 },
  { channels: 8, stride: 1 },
  { channels: 16, stride: 2 },
  { channels: 16, stride: 1 },
  { channels: 16, stride: 1 },
  { channels: 16, stride: 1 },
  { channels: 32, stride: 2 },
  { channels: 32, stride: 1 },
];

function convolutional(scope: Scope, images: Value, variant: Variant): Outputs {
  let y = images;
  let inputs = y;
  convLayers.forEach(({ channels, stride }, at) => {
    const layer = scope.child(`conv${at + 1}`);
    const initialize = gaussian(variant.activation, y.shape[1]! * 9);
    const convolved = conv(layer, y, {
      channels,
      kernel: [3, 3],
      stride,
      padding: 1,
      bias: false,
      initialize,
    });
    ({ inputs, y } = activated(layer, convolved, variant));
  });
  return { logits: classifier(scope, mean(y, [2, 3])), inputs };
}

function classifier(scope: Scope, y: Value): Value {
  const initialize = gaussian("sigmoid", y.shape[1]!);
  return linear(scope.child("classes"), y, { channels: structures.length, initialize });
}

export function network(scope: Scope, images: Value, variant: Variant): Outputs {
  return variant.network === "dense" ? dense(scope, images, variant) : convolutional(scope, images, variant);
}
