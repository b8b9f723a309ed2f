import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import type { Tensor } from "../../core/tensor.js";
import { readSafetensors, writeSafetensors } from "../../io/node.js";
import { engineOn } from "../../runtime/devices.node.js";
import { compileStep } from "../../train/compile.js";
import { train } from "../../train/loop.js";
import { weightsOf } from "../../train/step.js";
import { fitMemory } from "../memory.node.js";
import { autoencoderStep, encoderOf } from "./autoencoder.js";
import { type BatchPlan, samplesPerEpoch, type TrainingImage } from "./batches.js";
import { threadedBatches } from "./batches.node.js";
import type { ClassificationConfig } from "./config.js";
import type { Views } from "./positions.js";

interface Request {
  readonly seed: number;
  readonly device: Parameters<typeof engineOn>[0];
  readonly threads?: number | undefined;
  readonly memory?: "normal" | "lean" | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A batch that had to be lowered to fit into memory, in words. */
  onNote?(text: string): void;
  onLoss?(step: number, steps: number, loss: number): void;
}

/**
 * First weights of a network's convolutions, from training them with their mirror image to give the images back: see
 * `convAutoencoder`. The images are those that the network itself is trained on, and no others; networks of several positions
 * begin with the same weights, learnt at all of them. Throws `runtime` when it
 * is interrupted: a run must not begin with weights that are half learnt.
 */
export async function pretrain(
  images: readonly TrainingImage[],
  config: ClassificationConfig,
  views: Views,
  { seed, device, threads, memory, signal, onNote, onLoss }: Request,
): Promise<Record<string, Tensor>> {
  const { pretraining, network } = config;
  if (pretraining === null || network.kind !== "conv-fc") return {};
  const engine = await engineOn(device);
  const own = {
    ...config,
    batch: pretraining.batch ?? config.batch,
    optimizer: { ...config.optimizer, weightDecay: pretraining.weightDecay },
  };
  const fitted = fitMemory(
    own,
    (candidate: typeof own, use) => autoencoderStep(candidate, views.shape, use)!,
    await engine.target(),
    process.availableMemory(),
    memory,
    "preset or images, e.g. --set input.size=32,32,32",
  );
  for (const text of fitted.warnings) onNote?.(`pre-training: ${text}`);
  const { step, lowered } = fitted;
  const { batch } = fitted.config;
  const executable = await compileStep(engine, step, lowered, threads === undefined ? {} : { threads });
  const plan: BatchPlan = {
    seed,
    batch,
    balance: "none",
    augmentation: {} as BatchPlan["augmentation"],
    plain: true,
    // One autoencoder sees all positions, whether or not each has a network of its own later.
    views: { ...views, several: false },
  };
  const stepsPerEpoch = Math.ceil(samplesPerEpoch(images, plan) / batch);
  const totalSteps = pretraining.epochs * stepsPerEpoch;
  const source = await threadedBatches(images, plan);
  try {
    const { state, stopped } = await train({
      executable,
      step,
      state: step.initialize(rng(seed).split("pretraining")),
      totalSteps,
      stepsPerEpoch,
      seed: `${seed}/pretraining`,
      batches: source.batches,
      learningRate: () => pretraining.learningRate,
      saveEvery: totalSteps + 1,
      save: async () => undefined,
      onRow: (row) => onLoss?.(row.step, totalSteps, row.trainLoss!),
      shouldStop: () => signal?.aborted ?? false,
    });
    if (stopped === "asked")
      fail("runtime", {
        what: "interrupted while an autoencoder was pre-trained; nothing of it was kept",
        fix: "Give the same command again",
      });
    return encoderOf(weightsOf(state), views.several ? views.positions.length : undefined);
  } finally {
    await source.close();
    await executable.dispose();
  }
}

/** Where pre-trained weights are kept: a run that is resumed before its first checkpoint begins with the same ones. */
const fileOf = (dir: string): string => `${dir}/checkpoints/pretrained.safetensors`;

export async function savePretrained(dir: string, weights: Readonly<Record<string, Tensor>>): Promise<void> {
  await writeSafetensors(fileOf(dir), weights);
}

/** `undefined` where there are none. */
export async function loadPretrained(dir: string): Promise<Record<string, Tensor> | undefined> {
  const found = await readSafetensors(fileOf(dir)).catch(() => undefined);
  return found === undefined ? undefined : { ...found.tensors };
}
