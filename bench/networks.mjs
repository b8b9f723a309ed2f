// The workloads of workloads.json in Gyrus's own layers: what bench/peers/ builds again in PyTorch and TensorFlow.js.
// A level is a step down: four levels have five widths. All convolutions keep extents unless strided.
import { readFileSync } from "node:fs";
import { gradients } from "../dist/autodiff/gradients.js";
import { floats } from "../dist/core/tensor.js";
import { program } from "../dist/graph/program.js";
import { l2 } from "../dist/loss/regression.js";
import { crossEntropy, softDice } from "../dist/loss/segmentation.js";
import { unet } from "../dist/models/unet.js";
import { conv, linear, upsampleNearest } from "../dist/nn/layers.js";
import { batchNorm } from "../dist/nn/norms.js";
import { trace } from "../dist/nn/scope.js";
import { add, leakyRelu, mul, relu, sqrt, sub } from "../dist/ops/elementwise.js";
import { input } from "../dist/ops/leaf.js";
import { concat, reshape, slice } from "../dist/ops/move.js";
import { mean } from "../dist/ops/norm.js";
import { maxPool } from "../dist/ops/pool.js";
import { sum } from "../dist/ops/reduce.js";
import { adam, adamW } from "../dist/optim/optimizers.js";
import { buildStep } from "../dist/train/step.js";

/** Every workload by its letter. */
export const workloads = JSON.parse(readFileSync(new URL("workloads.json", import.meta.url), "utf8"));

const volume = (shape) => shape.reduce((a, b) => a * b, 1);

/** Features of every sample as one row. */
const flat = (x) => reshape(x, [x.shape[0], volume(x.shape.slice(1))]);

const families = {
  unet: (scope, x, options) => unet(scope, x, options),

  // Korolev et al. 2017. Its convolutions are unpadded; on 96³ that would leave nothing after the fourth pooling.
  voxcnn: (scope, x, { blocks, hidden, classes }) => {
    let y = x;
    blocks.forEach((widths, block) => {
      widths.forEach((channels, i) => {
        y = relu(conv(scope.child(`block${block}.conv${i}`), y, { channels, kernel: [3, 3, 3], padding: 1 }));
      });
      y = maxPool(y, [2, 2, 2]);
    });
    const [first, second] = hidden;
    y = linear(scope.child("full0"), flat(y), { channels: first, bias: false });
    y = relu(batchNorm(scope.child("full0.norm"), y));
    y = relu(linear(scope.child("full1"), y, { channels: second }));
    return linear(scope.child("head"), y, { channels: classes });
  },

  // Häggström et al. 2019 at small scale: a strided step of three and doublings lead from 96x95 to 64x64.
  encoderDecoder: (scope, x, { encoder, decoder }) => {
    const unit = (at, y, channels, stride) => {
      const z = conv(at, y, { channels, kernel: [3, 3], padding: 1, stride, bias: false });
      return relu(batchNorm(at.child("norm"), z));
    };
    let y = x;
    encoder.forEach(({ width, convolutions, stride }, stage) => {
      for (let i = 0; i < convolutions; i++)
        y = unit(scope.child(`encoder${stage}.conv${i}`), y, width, i === 0 ? stride : 1);
    });
    decoder.forEach(({ width, convolutions }, stage) => {
      y = upsampleNearest(y, [2, 2]);
      for (let i = 0; i < convolutions; i++) y = unit(scope.child(`decoder${stage}.conv${i}`), y, width, 1);
    });
    return conv(scope.child("head"), y, { channels: 1, kernel: [1, 1] });
  },

  // Ran et al. 2019: three convolutions without a norm, one number from all voxels.
  critic: (scope, x, { widths, slope }) => {
    let y = x;
    widths.forEach((channels, i) => {
      y = leakyRelu(conv(scope.child(`conv${i}`), y, { channels, kernel: [3, 3, 3], padding: 1 }), slope);
    });
    return linear(scope.child("head"), flat(y), { channels: 1 });
  },
};

const network = (scope, x, { network: spec }) => families[spec.kind](scope, x, spec);

/** The same weights at every use of a scope: the second declaration of a name gives the first one's value. */
function shared(scope, known = new Map()) {
  const once = (key, declare) => known.get(key) ?? known.set(key, declare()).get(key);
  return {
    ...scope,
    child: (name) => shared(scope.child(name), known),
    parameter: (name, ...rest) => once(`${scope.path}.${name}`, () => scope.parameter(name, ...rest)),
  };
}

const float32 = (shape) => ({ dtype: "float32", shape });

/** What each task is fed and what it minimises. */
const tasks = {
  segmentation: {
    batch: ({ image: [n, c, ...space] }) => ({
      image: float32([n, c, ...space]),
      label: { dtype: "uint8", shape: [n, ...space] },
    }),
    loss: (scope, { image, label }, workload) => {
      const logits = network(scope, image, workload);
      return add(crossEntropy(logits, label), softDice(logits, label));
    },
  },
  classification: {
    batch: ({ image }) => ({ image: float32(image), label: { dtype: "uint8", shape: [image[0]] } }),
    loss: (scope, { image, label }, workload) => crossEntropy(network(scope, image, workload), label),
  },
  regression: {
    batch: ({ image, target }) => ({ image: float32(image), target: float32(target) }),
    loss: (scope, { image, target }, workload) => l2(network(scope, image, workload), target),
  },
  // Gulrajani et al. 2017: the penalty holds the critic's slope at points between real and made images at one.
  critic: {
    batch: ({ image }) => ({
      real: float32(image),
      made: float32(image),
      share: float32([image[0], ...image.slice(1).map(() => 1)]),
    }),
    loss: (scope, { real, made, share }, workload) => {
      const weights = shared(scope);
      const count = real.shape[0];
      const scores = network(weights, concat([real, made], 0), workload);
      const between = add(mul(real, share), mul(made, sub(1, share)));
      const [slope] = gradients(sum(network(weights, between, workload)), [between]);
      const axes = slope.shape.map((_, axis) => axis).slice(1);
      const excess = sub(sqrt(add(sum(mul(slope, slope), axes), 1e-12)), 1);
      const part = (from) => mean(slice(scores, [from, 0], [count, 1]));
      return add(sub(part(count), part(0)), mul(mean(mul(excess, excess)), workload.penalty));
    },
  },
};

const optimizers = { adam, adamw: adamW };

/**
 * The papers' optimisers, with smaller learning rates for c, d and e. What a step costs does not depend on them, but
 * how soon rounding shows does: at d's 2.7e-5 PyTorch in one memory format and PyTorch in the other are 2 % apart
 * after three steps (batch norm over two samples leaves gradients that are mostly rounding, which Adam scales up).
 */
function optimizerOf({ name, learningRate: _, ...options }) {
  return optimizers[name](options);
}

/** Types of what a workload is fed. */
export function batchOf(workload) {
  return tasks[workload.task].batch(workload);
}

/** A whole training step of a workload. */
export function buildTraining(workload) {
  const objective = (scope, batch) => ({ loss: tasks[workload.task].loss(scope, batch, workload) });
  return buildStep({ batch: batchOf(workload), objective, optimizer: optimizerOf(workload.optimizer) });
}

/** A workload's network as it predicts: input `image`, output `output`. */
export function buildInference(workload) {
  const traced = trace(false, (scope) => network(scope, input("image", workload.image), workload));
  return { program: program({ output: traced.result }), traced };
}

/** Workloads whose network predicts something: a critic only helps to train. */
export const predicts = (workload) => workload.task !== "critic";

/**
 * First state of a training step, made uneven: scales, shifts, biases and running statistics start at ones and
 * zeros, which would hide a wrong order or name on the other side.
 */
export function unevenState(step, random) {
  const uneven = ([name, { shape, data }]) => {
    const draw = random.split(`uneven ${name}`);
    const bump = name.endsWith("runningVariance")
      ? () => draw.between(0, 0.5)
      : shape.length === 1 && !name.startsWith("slot/")
        ? () => draw.normal(0, 0.05)
        : () => 0;
    return [
      name,
      floats(
        shape,
        data.map((value) => value + bump()),
      ),
    ];
  };
  return Object.fromEntries(Object.entries(step.initialize(random)).map(uneven));
}
