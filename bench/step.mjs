// npm run bench: a training step of a 3-D U-Net, ours beside PyTorch's, taken in turns in one run.
// PyTorch is found through the environment variable PYTHON (default: python3); without it its column stays empty.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { rng } from "../dist/core/rng.js";
import { floats, scalar, tensor } from "../dist/core/tensor.js";
import { crossEntropy, softDice } from "../dist/loss/segmentation.js";
import { cpu } from "../dist/lower/cpu.js";
import { lower } from "../dist/lower/lower.js";
import { unet } from "../dist/models/unet.js";
import { parameterCount } from "../dist/nn/scope.js";
import { add } from "../dist/ops/elementwise.js";
import { adamW } from "../dist/optim/optimizers.js";
import { nodeCpu } from "../dist/runtime/node.js";
import { buildStep } from "../dist/train/step.js";

const workload = { widths: [16, 32, 64, 128], extents: [40, 56, 40], batch: 2, classes: 3, threads: 2 };
const rounds = 6;
const stepsPerRound = 4;

const ours = await openOurs();
const theirs = await openPyTorch();
const seconds = { ours: [], theirs: [] };
for (let round = 0; round < rounds; round++) {
  seconds.ours.push(...(await ours.steps(stepsPerRound)));
  if (theirs) seconds.theirs.push(...(await theirs.steps(stepsPerRound)));
}
theirs?.close();

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const skipWarmUp = (values) => values.slice(stepsPerRound);
const [a, b] = [median(skipWarmUp(seconds.ours)), theirs ? median(skipWarmUp(seconds.theirs)) : null];
const row = {
  workload: "3-D U-Net 40x56x40, 4 levels from 16 channels, instance norm, batch 2",
  kind: "train",
  peer: theirs ? `PyTorch ${theirs.version}` : "PyTorch not found",
  parameters: [ours.parameters, theirs?.parameters ?? null],
  ours: a,
  theirs: b,
  ratio: b === null ? null : b / a,
};
if (process.argv.includes("--json")) console.log(JSON.stringify({ rows: [row] }));
else {
  console.log(row.workload);
  console.log(`Gyrus             ${a.toFixed(3)} s a step, ${row.parameters[0]} parameters`);
  if (b === null) console.log("PyTorch           not found: set PYTHON to a Python that has it");
  else
    console.log(
      `${row.peer.padEnd(17)} ${b.toFixed(3)} s a step, ${row.parameters[1]} parameters\nratio             ${row.ratio.toFixed(2)} (theirs / ours)`,
    );
}

async function openOurs() {
  const { widths, extents, batch, classes, threads } = workload;
  const step = buildStep({
    batch: {
      image: { dtype: "float32", shape: [batch, 1, ...extents] },
      label: { dtype: "uint8", shape: [batch, ...extents] },
    },
    objective: (scope, { image, label }) => {
      const logits = unet(scope, image, { widths, classes, dimensions: 3 });
      return { loss: add(crossEntropy(logits, label), softDice(logits, label)) };
    },
    optimizer: adamW({ clip: 12 }),
  });
  const executable = await nodeCpu.compile(lower(step.program, cpu), { threads });
  const random = rng(1);
  const voxels = batch * extents.reduce((x, y) => x * y, 1);
  const image = floats(
    [batch, 1, ...extents],
    Float32Array.from({ length: voxels }, () => random.normal()),
  );
  const label = tensor(
    "uint8",
    [batch, ...extents],
    Uint8Array.from({ length: voxels }, () => random.integer(classes)),
  );
  let state = step.initialize(rng(1));
  let at = 0;
  const one = async () => {
    const began = performance.now();
    const feeds = {
      ...state,
      "batch/image": image,
      "batch/label": label,
      learningRate: scalar(1e-3),
      step: scalar(++at),
    };
    const outputs = await executable.run(feeds);
    state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]]));
    return (performance.now() - began) / 1000;
  };
  return {
    parameters: parameterCount(step.traced),
    steps: async (count) => {
      const times = [];
      for (let n = 0; n < count; n++) times.push(await one());
      return times;
    },
  };
}

async function openPyTorch() {
  const script = fileURLToPath(new URL("peers/unet_step.py", import.meta.url));
  const child = spawn(process.env.PYTHON ?? "python3", [script], { stdio: ["pipe", "pipe", "ignore"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.stdin.write(`${JSON.stringify(workload)}\n`);
  const first = await lines.next();
  if (first.done) return undefined;
  return {
    ...JSON.parse(first.value),
    steps: async (count) => {
      child.stdin.write(`steps ${count}\n`);
      return JSON.parse((await lines.next()).value);
    },
    close: () => child.stdin.end(),
  };
}
