import { floats, scalar, sizeOf, type Tensor, tensor, zerosTensor } from "../../src/core/tensor.js";
import { crossEntropy, softDice } from "../../src/loss/segmentation.js";
import { lower } from "../../src/lower/lower.js";
import type { Target } from "../../src/lower/target.js";
import { unet } from "../../src/models/unet.js";
import { add } from "../../src/ops/elementwise.js";
import { adamW } from "../../src/optim/optimizers.js";
import type { Engine } from "../../src/runtime/engine.js";
import { buildStep, type Step } from "../../src/train/step.js";

/**
 * The benchmark's 3-D U-Net, thin: 40x56x40, three levels, instance norm, batch 2. Weights and images come from one
 * integer formula, which scripts/golden/browser.py repeats: no file holds them.
 */
export const workload = { widths: [2, 4, 8], batch: 2, classes: 3, steps: 10, learningRate: 1e-2 } as const;

/** `cut` is the same network on small images, where float32 stays close to float64 for all ten steps. */
export const extentsOf = { whole: [40, 56, 40], cut: [8, 8, 8] } as const;
export type Extents = keyof typeof extentsOf;
type Size = readonly [number, number, number];

/** Whole numbers below 2^24 that look random, from a place and a stream: exact in every language. */
function noise(stream: number, at: number): number {
  let h = (Math.imul(at + 1, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d) >>> 0;
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b) >>> 0;
  return (h ^ (h >>> 16)) >>> 8;
}

/** In [-1, 1). */
const signed = (stream: number, at: number): number => noise(stream, at) / 2 ** 23 - 1;

/** Three nested boxes, and their intensities under noise. */
export function images(extents: Size): { image: Tensor; label: Tensor } {
  const { batch } = workload;
  const inner = Math.floor(Math.min(...extents) / 4);
  const [depth, height, width] = extents;
  const shape = [batch, ...extents];
  const label = new Uint8Array(sizeOf(shape));
  const image = new Float32Array(label.length);
  let at = 0;
  for (let n = 0; n < batch; n++)
    for (let z = 0; z < depth; z++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++, at++) {
          const far = Math.max(Math.abs(2 * z - depth), Math.abs(2 * y - height), Math.abs(2 * x - width));
          label[at] = far < inner + 4 * n ? 2 : far < 2 * inner + 4 ? 1 : 0;
          image[at] = label[at]! / 2 + signed(1000 + n, at);
        }
  return {
    image: floats([batch, 1, ...extents], image),
    label: tensor("uint8", shape, label),
  };
}

/** The step that is compared. */
export function thinStep(extents: Size): Step {
  const { widths, batch, classes } = workload;
  return buildStep({
    batch: {
      image: { dtype: "float32", shape: [batch, 1, ...extents] },
      label: { dtype: "uint8", shape: [batch, ...extents] },
    },
    objective: (scope, { image, label }) => {
      const logits = unet(scope, image!, { widths, classes, dimensions: 3 });
      return { loss: add(crossEntropy(logits, label!), softDice(logits, label!)) };
    },
    optimizer: adamW(),
  });
}

/** Weights by formula, in the order of their names; everything else of the state is zero. */
export function firstState(step: Step): Record<string, Tensor> {
  const state: Record<string, Tensor> = {};
  const paths = [...step.traced.parameters.keys()].sort();
  paths.forEach((path, stream) => {
    const { shape } = step.traced.parameters.get(path)!.value;
    const reach = shape.length > 1 ? Math.sqrt(3 / sizeOf(shape.slice(1))) : 0.1;
    const middle = path.endsWith(".scale") ? 1 : 0;
    const values = Float32Array.from(
      { length: sizeOf(shape) },
      (_, at) => middle + reach * signed(stream, at),
    );
    state[`parameter/${path}`] = floats(shape, values);
  });
  for (const name of step.stateNames)
    if (name.startsWith("slot/"))
      state[name] = zerosTensor("float32", step.traced.parameters.get(name.split("/").at(-1)!)!.value.shape);
  return state;
}

export interface Trace {
  readonly losses: readonly number[];
  /** Euclidean norm of every parameter at the end. */
  readonly norms: Readonly<Record<string, number>>;
  readonly nodes: number;
  readonly secondsToCompile: number;
  readonly secondsPerStep: readonly number[];
}

/** Train the thin network for ten steps. */
export async function trainThin(
  engine: Engine,
  target: Target,
  extents: Extents,
  threads: number,
): Promise<Trace> {
  const step = thinStep(extentsOf[extents]);
  const { image, label } = images(extentsOf[extents]);
  const lowered = lower(step.program, target);
  let began = performance.now();
  const since = (): number => (performance.now() - began) / 1000;
  const executable = await engine.compile(lowered, { threads });
  const secondsToCompile = since();
  let state = firstState(step);
  const losses: number[] = [];
  const secondsPerStep: number[] = [];
  for (let at = 1; at <= workload.steps; at++) {
    began = performance.now();
    const outputs = await executable.run({
      ...state,
      "batch/image": image,
      "batch/label": label,
      learningRate: scalar(workload.learningRate),
      step: scalar(at),
    });
    secondsPerStep.push(since());
    losses.push(Number(outputs["metric:loss"]!.data[0]));
    state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]!]));
  }
  await executable.dispose();
  const norms = Object.fromEntries(
    Object.entries(state).flatMap(([name, { data }]) =>
      name.startsWith("parameter/")
        ? [[name.slice("parameter/".length), Math.hypot(...(data as Float32Array))]]
        : [],
    ),
  );
  return { losses, norms, nodes: lowered.model.nodes.length, secondsToCompile, secondsPerStep };
}
