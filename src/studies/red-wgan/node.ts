import { existsSync } from "node:fs";
import { openPool } from "../../core/pool.node.js";
import { rng } from "../../core/rng.js";
import { shareArrays } from "../../core/share.js";
import { joinPath } from "../../io/files.js";
import { simulateInParallel } from "../../sim/subjects.node.js";
import { denoiseByNetwork } from "../../tasks/denoising/apply.js";
import type { TrainingVolume } from "../../tasks/denoising/batches.js";
import type { DenoisingConfig } from "../../tasks/denoising/config.js";
import { openModelAt } from "../../tasks/denoising/network.node.js";
import { prepare, trainingVolume } from "../../tasks/denoising/setup.node.js";
import { bestCheckpoint, paths } from "../../tasks/run-folder.node.js";
import { trainRun } from "../../tasks/train.node.js";
import { weightsOf } from "../../train/step.js";
import type { OpenRequest, Study, Workshop } from "../study.js";
import { conclude } from "./conclude.js";
import {
  configOf,
  configurationOf,
  type Extent,
  extentFor,
  fullMinutes,
  levels,
  type NetworkName,
  networks,
  openingCost,
  partIds,
  partsOf,
  trainedLevel,
} from "./plan.js";
import { cutOf, type Judged, noisyOf, scoresOf, type TestHead } from "./score.js";
import type { WorkSetup } from "./work.node.js";

/** The claims of Ran et al. 2019 on simulated heads. The trained networks stay in the study's folder, as runs. */
export function redWganStudy(preset: DenoisingConfig): Study {
  return {
    title: "RED-WGAN beside classic denoisers",
    description:
      "Rician noise of known strength is put on held-out simulated heads and taken out by classic filters, which are told its strength, and by networks, which have learnt it on other heads. All networks begin with the same weights, trained by mean squared error, and go on with equally many generator steps: by the same loss alone (CNN3D), with a perceptual term of random filters, with a critic, with both (RED-WGAN), and with both on all levels at once.",
    minutes: fullMinutes,
    plan: (size) => {
      const extent = extentFor(size.minutes, size.seed);
      return {
        configuration: configurationOf(extent, preset),
        parts: partsOf(extent),
        openingCost: openingCost(extent),
        open: (request) => open(extent, preset, size.seed, request),
        conclude: async (read) => {
          const heads = Array.from({ length: extent.test }, (_, n) => partIds.classic(n));
          const judged = [...heads, ...networks.map(partIds.judge)].flatMap((id) => read(id) as Judged[]);
          return conclude(judged, rng(size.seed).split("intervals"));
        },
      };
    },
  };
}

interface StudyData {
  readonly clean: readonly TestHead[];
  readonly extent: Extent;
}

async function open(
  extent: Extent,
  preset: DenoisingConfig,
  seed: number,
  { folder, onProgress, signal }: OpenRequest,
): Promise<Workshop> {
  const clean: TestHead[] = [];
  for await (const { id, t1, labels } of simulateInParallel(extent.cohort)) {
    signal?.throwIfAborted();
    clean.push({ id, image: t1, labels });
    onProgress?.(clean.length / extent.cohort.subjects);
  }
  const test = clean.slice(extent.training + extent.validation);
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "work.node$1"));
  const pool = await openPool<WorkSetup, number, Judged[]>(module, { heads: shareArrays(test), seed }, 1);
  const stop = new AbortController();
  const running = new Set<Promise<unknown>>();
  const runOf = (name: string): string => joinPath(folder, `run-${name}`);
  const work = async (id: string): Promise<unknown> => {
    const head = test.findIndex((_, n) => partIds.classic(n) === id);
    if (head >= 0) return pool.run(head);
    const how = { seed, signal: stop.signal };
    const common = runOf("common");
    if (id === partIds.common)
      return train("common", configOf(extent, "common", preset), { clean, extent }, common, how);
    for (const name of networks) {
      const config = configOf(extent, name, preset);
      if (id === partIds.train(name))
        return train(name, config, { clean, extent }, runOf(name), { ...how, from: common });
      if (id === partIds.judge(name)) return judge(name, runOf(name), test, seed);
    }
    return undefined;
  };
  return {
    run: (id) => {
      const working = work(id);
      running.add(working);
      return working.finally(() => running.delete(working));
    },
    close: async () => {
      stop.abort();
      await pool.close();
      // A training saves where it is.
      await Promise.allSettled(running);
    },
  };
}

/** Train, or go on where an interrupted study stopped; on one thread, as another number can change the last bits. */
async function train(
  name: string,
  config: DenoisingConfig,
  { clean, extent }: StudyData,
  runDir: string,
  { seed, signal, from }: { readonly seed: number; readonly signal: AbortSignal; readonly from?: string },
): Promise<{ readonly steps: number; readonly seconds: number }> {
  const began = performance.now();
  const volumes = clean.map(({ id, image }): TrainingVolume => trainingVolume(id, image, config.noise, seed));
  const ends = [extent.training, extent.training + extent.validation] as const;
  const ids = clean.map(({ id }) => id);
  const parts = { train: ids.slice(0, ends[0]), validation: ids.slice(...ends), test: ids.slice(ends[1]) };
  const prepared = await prepare(
    { system: "red-wgan", preset: `study: ${name}`, config },
    {
      training: volumes.slice(0, ends[0]),
      validation: volumes.slice(...ends),
      channel: "T1w",
      split: { by: "subject", seed, ...parts, subjects: parts },
      record: {
        root: "simulated for the study",
        options: {},
        name: "heads of the study",
        cases: ids.length,
        subjects: ids.length,
        sha256: `of seed ${seed}`,
        spacingsMm: `${extent.cohort.spacingMm}`,
        sizes: extent.cohort.size.join(" x "),
      },
      simulated: true,
      ...(from === undefined ? {} : { first: weightsOf((await bestCheckpoint(from)).state) }),
    },
    { runDir, seed, threads: 1, resume: existsSync(paths.run(runDir)) },
  );
  const { steps } = await trainRun(prepared, { runDir, signal }, began);
  return { steps, seconds: (performance.now() - began) / 1000 };
}

/** A network's results on the noisy scans that the classic methods get. */
async function judge(
  method: NetworkName,
  runDir: string,
  test: readonly TestHead[],
  seed: number,
): Promise<Judged[]> {
  const open = await openModelAt(runDir, { threads: 1 });
  const found: Judged[] = [];
  for (const [n, head] of test.entries())
    for (const level of levels) {
      const result = await denoiseByNetwork(open, noisyOf(head, level, seed).image, { where: head.id });
      const shown = n === 0 && level === trainedLevel;
      const scores = scoresOf(head, result);
      found.push({ head: head.id, level, method, scores, ...(shown ? { cut: cutOf(result) } : {}) });
    }
  await open.executable.dispose();
  return found;
}
