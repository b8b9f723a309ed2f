// TensorFlow.js under measurement: the workloads of bench/workloads.json in its own ops, channels last.
// Its WASM back end (with SIMD; it has no threads in Node) where that has the kernels, else its plain JavaScript one.
// Speaks the lines of bench/engines/serve.mjs.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { decodeSafetensors } from "../../../dist/io/safetensors.js";
import { serve } from "../../engines/serve.mjs";
import { networks } from "./networks.mjs";

const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");

/** WASM has no kernel for the weight gradient of a 2-D convolution: what trains those runs in plain JavaScript. */
function backendFor(kind, { image }) {
  const needed = kind === "train" && image.length === 4 ? "Conv2DBackpropFilter" : "Conv2D";
  return tf.getKernel(needed, "wasm") ? "wasm" : "cpu";
}

async function open({ kind, workload, data }) {
  const backend = backendFor(kind, workload);
  wasm.setWasmPaths(
    `${dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json"))}${join("/", "dist", "/")}`,
  );
  if (!(await tf.setBackend(backend))) throw new Error(`the back end ${backend} does not start`);
  tf.enableProdMode();
  const { tensors } = decodeSafetensors(readFileSync(data), data);
  const { parameters, statistics } = weightsOf(tensors);
  const batch = batchOf(tensors);
  const network = networks(tf)[workload.network.kind];
  if (network === undefined) throw new Error("has no gradients of the gradients of its convolutions");
  const about = {
    version: `TensorFlow.js ${tf.version.tfjs} ${backend}`,
    parameters: Object.values(parameters).reduce((total, { size }) => total + size, 0),
  };
  const predict = (training) =>
    network({ ...parameters, ...statistics }, batch.image, workload.network, training);
  if (kind === "infer") return { about, step: () => fetched(tf.tidy(() => channelsFirst(predict(false)))) };
  const loss = () => lossOf(workload, predict(true), batch);
  const train = optimizer(workload.optimizer, parameters);
  return { about, step: async () => (await fetched(train(loss)))[0] };
}

async function fetched(tensor) {
  const values = await tensor.data();
  tensor.dispose();
  return values;
}

const spatial = (rank) => Array.from({ length: rank - 2 }, (_, axis) => axis + 2);
const channelsFirst = (x) =>
  x.rank < 3 ? x : tf.transpose(x, [0, x.rank - 1, ...spatial(x.rank).map((axis) => axis - 1)]);

/** Gyrus's weights by name; kernels become [...kernel, in, out], transposed ones [...kernel, out, in]. */
function weightsOf(tensors) {
  const parameters = {};
  const statistics = {};
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const [kind, path] = [name.slice(0, name.indexOf("/")), name.slice(name.indexOf("/") + 1)];
    if (kind === "batch") continue;
    const given = tf.tensor(data, shape, "float32");
    const value = shape.length > 2 ? tf.transpose(given, [...spatial(shape.length), 1, 0]) : tf.clone(given);
    given.dispose();
    if (kind === "parameter") parameters[path] = tf.variable(value, true, path);
    else statistics[path] = value;
  }
  return { parameters, statistics };
}

function batchOf(tensors) {
  const batch = Object.entries(tensors).filter(([name]) => name.startsWith("batch/"));
  return Object.fromEntries(
    batch.map(([name, { dtype, shape, data }]) => {
      if (dtype === "uint8") return [name.slice(6), tf.tensor(Int32Array.from(data), shape, "int32")];
      return [name.slice(6), tf.transpose(tf.tensor(data, shape), [0, ...spatial(shape.length), 1])];
    }),
  );
}

function lossOf({ task, network }, output, { label, target }) {
  if (task === "regression") return tf.mean(tf.squaredDifference(output, target));
  const classes = network.classes;
  const wanted = tf.cast(tf.oneHot(label, classes), "float32");
  const axes = Array.from({ length: output.rank - 1 }, (_, axis) => axis);
  const centred = tf.sub(output, tf.max(output, -1, true));
  const logs = tf.sub(centred, tf.log(tf.sum(tf.exp(centred), -1, true)));
  const entropy = tf.mul(tf.sum(tf.mul(wanted, logs)), -classes / output.size);
  if (task === "classification") return entropy;
  const probabilities = tf.exp(logs);
  const overlap = tf.sum(tf.mul(probabilities, wanted), axes);
  const volume = tf.add(tf.sum(probabilities, axes), tf.sum(wanted, axes));
  const dice = tf.div(tf.add(tf.mul(overlap, 2), 1e-5), tf.add(volume, 1e-5));
  return tf.sub(tf.add(entropy, 1), tf.mean(tf.slice(dice, 1)));
}

/** Adam, with clipping and decoupled decay as the workload says; a function from a loss to one step. */
function optimizer({ name, learningRate, beta1 = 0.9, beta2 = 0.999, weightDecay = 0, clip }, parameters) {
  const variables = Object.values(parameters);
  const zeros = () => variables.map((variable) => tf.variable(tf.zerosLike(variable), false));
  const [means, squares] = [zeros(), zeros()];
  const decay = name === "adamw" ? weightDecay : 0;
  let at = 0;
  return (loss) =>
    tf.tidy(() => {
      at++;
      const { value, grads } = tf.variableGrads(loss, variables);
      const gradients = variables.map((variable) => grads[variable.name]);
      const norm = clip && tf.sqrt(tf.addN(gradients.map((g) => tf.sum(tf.square(g)))));
      const factor = clip ? tf.minimum(1, tf.div(clip, tf.maximum(norm, 1e-12))) : 1;
      variables.forEach((variable, i) => {
        const g = tf.mul(gradients[i], factor);
        means[i].assign(tf.add(tf.mul(means[i], beta1), tf.mul(g, 1 - beta1)));
        squares[i].assign(tf.add(tf.mul(squares[i], beta2), tf.mul(tf.square(g), 1 - beta2)));
        const mean = tf.div(means[i], 1 - beta1 ** at);
        const root = tf.add(tf.sqrt(tf.div(squares[i], 1 - beta2 ** at)), 1e-8);
        const kept = variable.rank > 1 ? tf.mul(variable, 1 - learningRate * decay) : variable;
        variable.assign(tf.sub(kept, tf.mul(tf.div(mean, root), learningRate)));
      });
      return value;
    });
}

await serve(open);
