import { rng } from "../src/core/rng.js";
import { floats, scalar, type Tensor, tensor } from "../src/core/tensor.js";
import { program } from "../src/graph/program.js";
import { crossEntropy, softDice } from "../src/loss/segmentation.js";
import { lower } from "../src/lower/lower.js";
import { wasm } from "../src/lower/wasm.js";
import { webgpu } from "../src/lower/webgpu.js";
import { unet } from "../src/models/unet.js";
import { parameterCount, trace } from "../src/nn/scope.js";
import { add, cast } from "../src/ops/elementwise.js";
import { input } from "../src/ops/leaf.js";
import { argMax } from "../src/ops/reduce.js";
import { adamW } from "../src/optim/optimizers.js";
import type { Executable } from "../src/runtime/engine.js";
import { webGpu, webWasm } from "../src/runtime/web.js";
import { buildStep, type Step } from "../src/train/step.js";
import { type Head, makeHead, slices, tissues, trainingHeads } from "./data.js";
import type { News, Wish } from "./messages.js";

const { width, height, count } = slices;
const network = { widths: [8, 16, 32], classes: tissues.length, dimensions: 2 } as const;
const batch = 8;
const learningRate = 4e-3;
/** The unseen head is looked at after so many steps. */
const viewEvery = 10;

const tell = (news: News): void => self.postMessage(news);

self.onmessage = ({ data }: MessageEvent<Wish>) => {
  train(data).then(
    () => tell({ kind: "done" }),
    (error: unknown) =>
      tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
};

async function train({ device, threads, seed, steps }: Wish): Promise<void> {
  const [engine, target] = device === "wasm" ? ([webWasm, wasm] as const) : ([webGpu, webgpu] as const);
  const heads = await simulate(seed);
  const unseen = heads.at(-1)!;
  const began = performance.now();
  const step = buildThisStep();
  const executable = await engine.compile(lower(step.program, target), { threads });
  const looking = await engine.compile(lower(predictProgram(), target), { threads });
  tell({
    kind: "ready",
    slices,
    image: unseen.image,
    truth: unseen.label,
    parameters: parameterCount(step.traced),
    secondsToCompile: (performance.now() - began) / 1000,
  });
  let state: Record<string, Tensor> = step.initialize(rng(seed).split("weights"));
  for (let at = 1; at <= steps; at++) {
    const since = performance.now();
    const outputs = await executable.run({
      ...state,
      ...drawBatch(heads.slice(0, trainingHeads), seed, at),
      learningRate: scalar(learningRate * (1 - (at - 1) / steps) ** 0.9),
      step: scalar(at),
    });
    state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]!]));
    const loss = Number(outputs["metric:loss"]!.data[0]);
    tell({ kind: "step", step: at, loss, seconds: (performance.now() - since) / 1000 });
    if (!Number.isFinite(loss)) throw new Error(`the loss became ${loss} at step ${at}`);
    if (at === 1 || at % viewEvery === 0 || at === steps) tell(await look(looking, state, unseen, at));
  }
}

async function simulate(seed: number): Promise<Head[]> {
  const heads: Head[] = [];
  for (let n = 0; n <= trainingHeads; n++) {
    heads.push(makeHead(seed, n));
    tell({ kind: "heads", done: n + 1, total: trainingHeads + 1 });
  }
  return heads;
}

function buildThisStep(): Step {
  return buildStep({
    batch: {
      image: { dtype: "float32", shape: [batch, 1, height, width] },
      label: { dtype: "uint8", shape: [batch, height, width] },
    },
    objective: (scope, { image, label }) => {
      const logits = unet(scope, image!, network);
      return { loss: add(crossEntropy(logits, label!), softDice(logits, label!)) };
    },
    optimizer: adamW({ clip: 12 }),
  });
}

/** All slices of the unseen head at once → the most probable tissue of each pixel. */
function predictProgram() {
  const image = input("image", [count, 1, height, width]);
  const { result } = trace(false, (scope) => unet(scope, image, network));
  return program({ tissue: cast(argMax(result, 1), "uint8") });
}

/** Slices drawn by the step's number alone, half of them mirrored: left and right hemispheres look alike. */
function drawBatch(heads: readonly Head[], seed: number, step: number): Record<string, Tensor> {
  const draw = rng(seed).split("batch", step);
  const area = width * height;
  const image = new Float32Array(batch * area);
  const label = new Uint8Array(image.length);
  for (let n = 0; n < batch; n++) {
    const head = heads[draw.integer(heads.length)]!;
    const from = draw.integer(count) * area;
    const mirrored = draw.chance(0.5);
    for (let at = 0; at < area; at++) {
      const x = at % width;
      const seen = from + (mirrored ? at - x + (width - 1 - x) : at);
      image[n * area + at] = head.image[seen]!;
      label[n * area + at] = head.label[seen]!;
    }
  }
  return {
    "batch/image": floats([batch, 1, height, width], image),
    "batch/label": tensor("uint8", [batch, height, width], label),
  };
}

async function look(
  executable: Executable,
  state: Record<string, Tensor>,
  unseen: Head,
  step: number,
): Promise<News> {
  const weights = Object.fromEntries(Object.entries(state).filter(([name]) => name in executable.inputs));
  const { tissue } = await executable.run({
    ...weights,
    image: floats([count, 1, height, width], unseen.image),
  });
  const prediction = tissue!.data as Uint8Array;
  return { kind: "view", step, prediction, dice: meanDice(prediction, unseen.label) };
}

function meanDice(prediction: Uint8Array, truth: Uint8Array): number {
  const [both, all] = [new Float64Array(tissues.length), new Float64Array(tissues.length)];
  for (let at = 0; at < truth.length; at++) {
    const [found, wanted] = [prediction[at]!, truth[at]!];
    all[found]!++;
    all[wanted]!++;
    if (found === wanted) both[found]!++;
  }
  let [sum, present] = [0, 0];
  for (let tissue = 1; tissue < tissues.length; tissue++)
    if (all[tissue]! > 0) {
      sum += (2 * both[tissue]!) / all[tissue]!;
      present++;
    }
  return sum / Math.max(1, present);
}
