// node bench/memory.mjs [--json] [--only PART]: the estimate of peak memory beside the peak that a process of its
// own reaches in four training steps or four predictions (VmHWM, so on Linux only). Run `npm run build` first.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { rng } from "../dist/core/rng.js";
import { scalar, sizeOf, tensor, zerosTensor } from "../dist/core/tensor.js";
import { program } from "../dist/graph/program.js";
import { crossEntropy, softDice } from "../dist/loss/segmentation.js";
import { estimateBytes } from "../dist/lower/estimate.js";
import { lower } from "../dist/lower/lower.js";
import { portable } from "../dist/lower/portable.js";
import { unet, unetMargin } from "../dist/models/unet.js";
import { conv, dropout, linear } from "../dist/nn/layers.js";
import { batchNorm } from "../dist/nn/norms.js";
import { trace } from "../dist/nn/scope.js";
import { add, relu } from "../dist/ops/elementwise.js";
import { input } from "../dist/ops/leaf.js";
import { reshape } from "../dist/ops/move.js";
import { softmax } from "../dist/ops/norm.js";
import { maxPool } from "../dist/ops/pool.js";
import { adamW, sgd } from "../dist/optim/optimizers.js";
import { nodeCpu } from "../dist/runtime/node.js";
import { buildStep, weightsOf } from "../dist/train/step.js";

const clipped = () => adamW({ clip: 12 });

/** U-Nets by their options; `voxcnn` is the convolution stack of Korolev et al. 2017 (2 classes). */
const workloads = {
  "3-D U-Net 64^3, base 16, 4 levels, batch 2": {
    unet: { widths: [16, 32, 64, 128], dimensions: 3 },
    extents: [64, 64, 64],
    batch: 2,
  },
  "3-D U-Net 40x56x40, base 16, 3 levels, batch 2": {
    unet: { widths: [16, 32, 64], dimensions: 3 },
    extents: [40, 56, 40],
    batch: 2,
  },
  "3-D U-Net 40x56x40, base 16, 4 levels, average, batch 2": {
    unet: { widths: [16, 32, 64, 128], dimensions: 3 },
    extents: [40, 56, 40],
    batch: 2,
    average: 0.99,
  },
  "2-D U-Net 256^2, base 32, 5 levels, batch norm, batch 4": {
    unet: { widths: [32, 64, 128, 256, 512], dimensions: 2, norm: "batch" },
    extents: [256, 256],
    batch: 4,
  },
  "U-Net of the paper 572^2, batch 1": {
    unet: {
      widths: [64, 128, 256, 512, 1024],
      dimensions: 2,
      norm: "none",
      slope: 0,
      padding: "valid",
      down: "maxPool",
      dropout: 0.5,
    },
    extents: [572, 572],
    batch: 1,
    optimizer: () => sgd({ momentum: 0.99 }),
  },
  "VoxCNN 96^3, batch 2": { voxcnn: true, extents: [96, 96, 96], batch: 2 },
  "3-D U-Net 32^3, base 8, 3 levels, batch 2": {
    unet: { widths: [8, 16, 32], dimensions: 3 },
    extents: [32, 32, 32],
    batch: 2,
  },
  "2-D U-Net 64^2, base 8, 3 levels, batch 2": {
    unet: { widths: [8, 16, 32], dimensions: 2 },
    extents: [64, 64],
    batch: 2,
  },
};

function forward(scope, image, { unet: options, voxcnn }) {
  if (!voxcnn) return unet(scope, image, { classes: 3, ...options });
  let y = image;
  [8, 8, 16, 16, 32, 32, 32, 64, 64, 64].forEach((channels, at) => {
    y = conv(scope.child(`conv${at}`), y, { channels, kernel: [3, 3, 3], padding: 1 });
    y = relu(y);
    if ([1, 3, 6, 9].includes(at)) y = maxPool(y, [2, 2, 2]);
  });
  y = reshape(y, [y.shape[0], sizeOf(y.shape.slice(1))]);
  y = relu(batchNorm(scope.child("norm"), linear(scope.child("hidden1"), y, { channels: 128 })));
  y = dropout(scope.child("dropout"), y, 0.7);
  y = relu(linear(scope.child("hidden2"), y, { channels: 64 }));
  return linear(scope.child("output"), y, { channels: 2 });
}

function stepOf(workload, memory) {
  const { extents, batch, optimizer = clipped, average, voxcnn } = workload;
  const margin = workload.unet ? unetMargin(workload.unet) : 0;
  return buildStep({
    batch: {
      image: { dtype: "float32", shape: [batch, 1, ...extents] },
      label: { dtype: "uint8", shape: voxcnn ? [batch] : [batch, ...extents.map((e) => e - 2 * margin)] },
    },
    objective: (scope, { image, label }) => {
      const logits = forward(scope, image, workload);
      const ce = crossEntropy(logits, label);
      return { loss: voxcnn || margin > 0 ? ce : add(ce, softDice(logits, label)) };
    },
    optimizer: optimizer(),
    ...(average === undefined ? {} : { average }),
    ...(memory === undefined ? {} : { memory }),
  });
}

const random = (type, generator) =>
  tensor(
    type.dtype,
    type.shape,
    type.dtype === "uint8"
      ? Uint8Array.from({ length: sizeOf(type.shape) }, () => generator.integer(2))
      : type.dtype === "int32"
        ? Int32Array.from({ length: sizeOf(type.shape) }, () => generator.integer(1000))
        : Float32Array.from({ length: sizeOf(type.shape) }, () => generator.uniform()),
  );

async function train(workload, memory) {
  const step = stepOf(workload, memory);
  const generator = rng(1);
  const lowered = lower(step.program, await nodeCpu.target());
  const asked = performance.now();
  const executable = await nodeCpu.compile(lowered, { threads: workload.threads ?? 2 });
  const secondsToOpen = (performance.now() - asked) / 1000;
  let state = step.initialize(rng(1));
  let spare;
  const batch = Object.fromEntries(
    Object.entries(step.program.inputs)
      .filter(([name]) => /^(batch|random)\//.test(name))
      .map(([name, value]) => [name, random(value, generator)]),
  );
  const seconds = [];
  const losses = [];
  for (let at = 1; at <= 4; at++) {
    const began = process.cpuUsage();
    const feeds = { ...state, ...batch, learningRate: scalar(1e-3), step: scalar(at) };
    // Two sets of tensors take turns, as in the training loop.
    spare ??= Object.fromEntries(
      Object.values(state).map(({ dtype, shape }, n) => [
        `next:${Object.keys(state)[n]}`,
        zerosTensor(dtype, shape),
      ]),
    );
    const outputs = await executable.run(feeds, spare);
    spare =
      at === 1
        ? undefined
        : Object.fromEntries(Object.entries(state).map(([name, value]) => [`next:${name}`, value]));
    state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]]));
    const { user, system } = process.cpuUsage(began);
    seconds.push((user + system) / 1e6);
    losses.push(outputs["metric:loss"].data[0]);
  }
  return {
    estimate: estimateBytes(lowered),
    secondsToOpen,
    seconds,
    losses,
    nodes: lowered.model.nodes.length,
  };
}

async function infer(workload) {
  const step = stepOf(workload);
  const image = input("image", [1, 1, ...workload.extents]);
  const { result } = trace(false, (scope) => softmax(forward(scope, image, workload), 1));
  const lowered = lower(program({ result }), portable, weightsOf(step.initialize(rng(1))));
  const executable = await nodeCpu.compile(lowered, { threads: 2 });
  const feed = { image: random(image, rng(1)) };
  for (let at = 0; at < 4; at++) await executable.run(feed);
  return { estimate: estimateBytes(lowered), nodes: lowered.model.nodes.length };
}

const option = (name) => process.argv[process.argv.indexOf(name) + 1];
if (process.argv.includes("--child")) {
  const { name, kind } = JSON.parse(option("--child"));
  const result =
    kind === "infer"
      ? await infer(workloads[name])
      : await train(workloads[name], kind === "train, lean" ? "lean" : undefined);
  const status = readFileSync("/proc/self/status", "utf8");
  console.log(JSON.stringify({ ...result, measured: Number(/VmHWM:\s*(\d+)/.exec(status)[1]) * 1024 }));
} else {
  const rows = [];
  const only = process.argv.includes("--only") ? option("--only") : "";
  for (const name of Object.keys(workloads))
    for (const kind of ["train", "train, lean", "infer"]) {
      if (!`${name} ${kind} `.includes(only)) continue;
      const script = fileURLToPath(import.meta.url);
      const { stdout } = await promisify(execFile)(process.execPath, [
        script,
        "--child",
        JSON.stringify({ name, kind }),
      ]);
      const row = { workload: name, kind, ...JSON.parse(stdout) };
      rows.push({ ...row, ratio: row.estimate / row.measured });
      if (!process.argv.includes("--json")) console.log(line(rows.at(-1)));
    }
  if (process.argv.includes("--json")) console.log(JSON.stringify({ rows }));
}

function line({ workload, kind, estimate, measured, ratio, nodes, seconds, secondsToOpen, losses }) {
  const mb = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`.padStart(8);
  const time = seconds
    ? `${Math.min(...seconds).toFixed(2)} s of CPU a step, opened in ${secondsToOpen.toFixed(1)} s, loss ${losses.at(-1)}`
    : "";
  return `${workload.padEnd(58)} ${kind.padEnd(11)} estimated ${mb(estimate)} measured ${mb(measured)} ratio ${ratio.toFixed(2)}  ${nodes} nodes ${time}`;
}
