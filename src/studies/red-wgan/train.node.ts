import { existsSync } from "node:fs";
import { joinPath } from "../../io/files.js";
import type { DenoisingConfig } from "../../tasks/denoising/config.js";
import { prepare, trainingVolume } from "../../tasks/denoising/setup.node.js";
import { bestCheckpoint, paths } from "../../tasks/run-folder.node.js";
import { trainRun } from "../../tasks/train.node.js";
import { weightsOf } from "../../train/step.js";
import { configOf, type Extent, type NetworkName } from "./plan.js";
import type { RealScans } from "./real.node.js";
import type { TestHead } from "./score.js";
import type { TestData } from "./trial.js";

/** All that parts of the study work with. */
export interface StudySetup {
  readonly clean: readonly TestHead[];
  readonly real: RealScans;
  readonly test: TestData;
  readonly extent: Extent;
  readonly preset: DenoisingConfig;
  readonly seed: number;
  /** The study's. */
  readonly folder: string;
}

/** The run of a network: that of all levels by mean squared error is what all networks begin with. */
export function runOf(folder: string, name: NetworkName | "common"): string {
  return joinPath(folder, name === "cnn3d-mixed" ? "run-common" : `run-${name}`);
}

/** Train, or go on where an interrupted study stopped; on one thread, as another number can change the last bits. */
export async function train(
  name: NetworkName | "common",
  { clean, real, extent, preset, seed, folder }: StudySetup,
  signal: AbortSignal,
): Promise<{ readonly steps: number; readonly seconds: number }> {
  const began = performance.now();
  if (name === "real" && real.training.length === 0) return { steps: 0, seconds: 0 };
  const runDir = runOf(folder, name);
  const judge = joinPath(folder, "run-features");
  const own = configOf(extent, name, preset);
  const config = own.loss.perceptual > 0 ? { ...own, features: { ...own.features, run: judge } } : own;
  const volumes = (heads: RealScans["training"]) =>
    heads.map(({ id, image }) => trainingVolume(id, image, config.noise, seed));
  const ends = [extent.training, extent.training + extent.validation] as const;
  const simulated = name !== "real";
  const training = simulated ? clean.slice(0, ends[0]) : real.training;
  const validation = simulated ? clean.slice(...ends) : [];
  const ids = (heads: readonly { readonly id: string }[]) => heads.map(({ id }) => id);
  const parts = {
    train: ids(training),
    validation: ids(validation),
    test: ids(simulated ? clean.slice(ends[1]) : real.heads),
  };
  const prepared = await prepare(
    { system: "red-wgan", preset: `study: ${name}`, config },
    {
      training: volumes(training),
      validation: volumes(validation),
      channel: "T1w",
      split: { by: "subject", seed, ...parts, subjects: parts },
      record: {
        root: simulated ? "simulated for the study" : "real scans",
        options: {},
        name: simulated ? "heads of the study" : "real scans",
        cases: training.length + validation.length,
        subjects: training.length + validation.length,
        sha256: simulated ? `of seed ${seed}` : "not taken",
        spacingsMm: simulated ? `${extent.cohort.spacingMm}` : "1 to 2",
        sizes: simulated ? extent.cohort.size.join(" x ") : "several",
      },
      simulated,
      ...(name === "common" ? {} : { first: await commonWeights(folder) }),
    },
    { runDir, seed, threads: 1, resume: existsSync(paths.run(runDir)) },
  );
  const { steps } = await trainRun(prepared, { runDir, signal }, began);
  return { steps, seconds: (performance.now() - began) / 1000 };
}

/** What the networks begin with. */
async function commonWeights(folder: string): Promise<ReturnType<typeof weightsOf>> {
  return weightsOf((await bestCheckpoint(runOf(folder, "common"))).state);
}
