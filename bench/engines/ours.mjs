// Gyrus under measurement. As a child of bench/run.mjs it answers lines (serve.mjs); by hand it measures alone:
//   node bench/engines/ours.mjs --workload b --kind train [--threads 1] [--cpu-time] [--steps 5] [--profile PREFIX] [--device cpu]
// prints seconds to open, losses, the median step and the peak memory. --cpu-time is steadiest with --threads 1.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { scalar, zerosTensor } from "../../dist/core/tensor.js";
import { lower } from "../../dist/lower/lower.js";
import { parameterCount } from "../../dist/nn/scope.js";
import { engineOn } from "../../dist/runtime/devices.node.js";
import { engineVersion } from "../../dist/runtime/node.js";
import { readData, writeData } from "../data.mjs";
import { buildInference, buildTraining, workloads } from "../networks.mjs";
import { peakBytes, serve, timed } from "./serve.mjs";

async function open({ id, kind, threads, device, data, profile }) {
  const workload = workloads[id];
  const tensors = readData(data);
  const options = { device, threads, ...(profile === undefined ? {} : { profilePrefix: profile }) };
  return kind === "train"
    ? openTraining(workload, tensors, options)
    : openInference(workload, tensors, options);
}

const seconds = (from) => (performance.now() - from) / 1000;

async function compile(program, { device, ...options }, baked) {
  const engine = await engineOn(device);
  const began = performance.now();
  const lowered = lower(program, await engine.target(), baked);
  const lowerSeconds = seconds(began);
  const at = performance.now();
  const executable = await engine.compile(lowered, options);
  const nodes = lowered.model.nodes.length;
  return { executable, opening: { nodes, lowerSeconds, sessionSeconds: seconds(at) } };
}

// Apart from the functions that hold them, so that no closure keeps the first weights alive.
const only = (tensors, wanted) =>
  Object.fromEntries(Object.entries(tensors).filter(([name]) => wanted(name)));
const firstState = (names, tensors, inputs) =>
  Object.fromEntries(
    names.map((name) => [name, tensors[name] ?? zerosTensor("float32", inputs[name].shape)]),
  );

const version = `onnxruntime-node ${engineVersion}`;

async function openTraining(workload, tensors, options) {
  const began = performance.now();
  const step = buildTraining(workload);
  const buildSeconds = seconds(began);
  const { executable, opening } = await compile(step.program, options);
  const batch = only(tensors, (name) => name.startsWith("batch/"));
  const rate = scalar(workload.optimizer.learningRate);
  let state = firstState(step.stateNames, tensors, executable.inputs);
  let at = 0;
  return {
    about: { version, parameters: parameterCount(step.traced), buildSeconds, ...opening },
    step: async () => {
      const feeds = { ...state, ...batch, learningRate: rate, step: scalar(++at) };
      const outputs = await executable.run(feeds);
      state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]]));
      return outputs["metric:loss"].data[0];
    },
    close: () => executable.dispose(),
  };
}

async function openInference(workload, tensors, options) {
  const began = performance.now();
  const { program, traced } = buildInference(workload);
  const buildSeconds = seconds(began);
  const weights = only(tensors, (name) => !name.startsWith("batch/"));
  const { executable, opening } = await compile(program, options, weights);
  const image = tensors["batch/image"];
  return {
    about: { version, parameters: parameterCount(traced), buildSeconds, ...opening },
    step: async () => (await executable.run({ image })).output.data,
    close: () => executable.dispose(),
  };
}

async function alone(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      workload: { type: "string", default: "b" },
      kind: { type: "string", default: "train" },
      threads: { type: "string", default: "2" },
      device: { type: "string", default: "cpu" },
      steps: { type: "string", default: "5" },
      profile: { type: "string" },
      "cpu-time": { type: "boolean", default: false },
    },
  });
  const { workload: id, kind, profile, device } = values;
  const folder = mkdtempSync(join(tmpdir(), "gyrus-bench-"));
  const data = join(folder, `${id}.safetensors`);
  writeData(workloads[id], data);
  const engine = await open({ id, kind, data, device, threads: Number(values.threads), profile });
  rmSync(folder, { recursive: true });
  const first = [await engine.step(), await engine.step()];
  const spent = [];
  for (let n = 0; n < Number(values.steps); n++) spent.push(await timed(engine.step, values["cpu-time"]));
  await engine.close();
  const median = spent.toSorted((x, y) => x - y)[spent.length >> 1];
  const losses = kind === "train" ? { losses: first } : {};
  const peak = Math.round(peakBytes() / 1e6);
  console.log(
    JSON.stringify({ ...engine.about, ...losses, median, fastest: Math.min(...spent), peakMB: peak }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  if (words[0] === "serve") await serve(open);
  else await alone(words);
}
