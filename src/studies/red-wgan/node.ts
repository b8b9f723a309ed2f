import { existsSync } from "node:fs";
import { openPool } from "../../core/pool.node.js";
import { rng } from "../../core/rng.js";
import { shareArrays } from "../../core/share.js";
import { joinPath } from "../../io/files.js";
import { simulateInParallel } from "../../sim/subjects.node.js";
import { denoiseByNetwork } from "../../tasks/denoising/apply.js";
import type { DenoisingConfig } from "../../tasks/denoising/config.js";
import { openModelAt } from "../../tasks/denoising/network.node.js";
import { prepare, trainingVolume } from "../../tasks/denoising/setup.node.js";
import { bestCheckpoint, paths } from "../../tasks/run-folder.node.js";
import { trainRun } from "../../tasks/train.node.js";
import { weightsOf } from "../../train/step.js";
import { rangeOf } from "../../volume/intensity.js";
import type { OpenRequest, Study, StudySize, Workshop } from "../study.js";
import { conclude } from "./conclude.js";
import { trainJudge } from "./features.node.js";
import {
  configOf,
  configurationOf,
  type Extent,
  extentFor,
  fullMinutes,
  levelsOf,
  type NetworkName,
  networks,
  ofAllLevels,
  openingCost,
  partIds,
  partsOf,
  realNetworks,
  trainedLevel,
} from "./plan.js";
import { type RealScans, realScans } from "./real.node.js";
import type { Judged, TestHead } from "./score.js";
import { judgedOf, realTrials, simulatedTrials, type TestData, type Trial } from "./trial.js";
import type { Work, WorkSetup } from "./work.node.js";

/** The claims of Ran et al. 2019 on simulated heads. The trained networks stay in the study's folder, as runs. */
export function redWganStudy(preset: DenoisingConfig): Study {
  return {
    title: "RED-WGAN beside classic denoisers",
    description:
      "Rician noise of known strength is put on held-out simulated heads, and on a real one where there is one, and taken out by classic filters and by networks, which have learnt it on other heads. All networks begin with the same weights, trained at all levels by mean squared error (CNN3D, all levels), and go on with equally many generator steps: at one level by the same loss alone (CNN3D), with a perceptual term, with a critic, with both (RED-WGAN), and with both at all levels. The perceptual term judges by the encoder of a small U-Net that the study has trained to label tissue in clean heads. Filters and networks of all levels are told how strong the noise is; a network of one level takes everything for that level.",
    minutes: fullMinutes,
    plan: (size) => {
      const extent = extentFor(size.minutes, size.seed, size.dataDir !== undefined);
      return {
        configuration: { ...configurationOf(extent, preset), images: size.dataDir ?? "none" },
        parts: partsOf(extent),
        openingCost: openingCost(extent),
        open: (request) => open(extent, preset, size, request),
        conclude: async (read) => {
          const ids = [
            ...Array.from({ length: extent.test }, (_, n) => partIds.classic(n)),
            ...networks.map(partIds.judge),
            ...(extent.real ? [partIds.realClassic, ...realNetworks.map(partIds.realJudge)] : []),
          ];
          const judged = ids.flatMap((id) => read(id) as Judged[]);
          return conclude(judged, rng(size.seed).split("intervals"));
        },
      };
    },
  };
}

interface StudyData {
  readonly clean: readonly TestHead[];
  readonly real: RealScans;
  readonly test: TestData;
  readonly extent: Extent;
}

async function open(
  extent: Extent,
  preset: DenoisingConfig,
  { seed, dataDir }: StudySize,
  { folder, onProgress, signal }: OpenRequest,
): Promise<Workshop> {
  const clean: TestHead[] = [];
  for await (const { id, t1, labels } of simulateInParallel(extent.cohort)) {
    signal?.throwIfAborted();
    clean.push({ id, image: t1, labels });
    onProgress?.(clean.length / extent.cohort.subjects);
  }
  const real = await realScans(extent.real ? dataDir : undefined);
  const simulated = clean.slice(extent.training + extent.validation);
  const test: TestData = shareArrays({ simulated, real: real.heads, repeats: real.repeats });
  const data: StudyData = { clean, real, test, extent };
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "work.node$1"));
  const pool = await openPool<WorkSetup, Work, Judged[]>(module, { data: test, seed }, 1);
  const stop = new AbortController();
  const running = new Set<Promise<unknown>>();
  const how = { folder, seed, signal: stop.signal };
  const runOf = (name: NetworkName): string =>
    joinPath(folder, name === "cnn3d-mixed" ? "run-common" : `run-${name}`);
  const work = async (id: string): Promise<unknown> => {
    const head = simulated.findIndex((_, n) => partIds.classic(n) === id);
    if (head >= 0) return pool.run({ head });
    if (id === partIds.realClassic) return pool.run("real");
    if (id === partIds.features) return trainJudge(extent, clean, how);
    if (id === partIds.common) return train("common", preset, data, joinPath(folder, "run-common"), how);
    for (const name of [...networks, "real"] as const) {
      const from = joinPath(folder, "run-common");
      if (id === partIds.train(name)) return train(name, preset, data, runOf(name), { ...how, from });
      if (id === partIds.judge(name)) {
        const trials = simulated.flatMap((_, n) => simulatedTrials(test, n, seed));
        return judge(name, runOf(name), trials);
      }
      if (id === partIds.realJudge(name)) return judge(name, runOf(name), realTrials(test, seed));
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
  name: NetworkName | "common",
  preset: DenoisingConfig,
  { clean, real, extent }: StudyData,
  runDir: string,
  {
    folder,
    seed,
    signal,
    from,
  }: {
    readonly folder: string;
    readonly seed: number;
    readonly signal: AbortSignal;
    readonly from?: string;
  },
): Promise<{ readonly steps: number; readonly seconds: number }> {
  const began = performance.now();
  if (name === "real" && real.training.length === 0) return { steps: 0, seconds: 0 };
  const judge = joinPath(folder, "run-features");
  const own = configOf(extent, name, preset);
  const config = own.loss.perceptual > 0 ? { ...own, features: { ...own.features, run: judge } } : own;
  const volumes = (heads: StudyData["real"]["training"]) =>
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
      ...(from === undefined ? {} : { first: weightsOf((await bestCheckpoint(from)).state) }),
    },
    { runDir, seed, threads: 1, resume: existsSync(paths.run(runDir)) },
  );
  const { steps } = await trainRun(prepared, { runDir, signal }, began);
  return { steps, seconds: (performance.now() - began) / 1000 };
}

/** A network's results on the noisy scans that the classic methods get. */
async function judge(name: NetworkName, runDir: string, trials: readonly Trial[]): Promise<Judged[]> {
  const wanted = trials.filter(({ set, level }) => set !== "simulated" || levelsOf(name).includes(level));
  if (wanted.length === 0) return [];
  const open = await openModelAt(runDir, { threads: 1 });
  const found: Judged[] = [];
  for (const trial of wanted) {
    const { image, sigma } = trial.scan();
    const where = trial.head.id;
    // What a network of one level knows of noise is that level.
    const told = ofAllLevels(name) ? sigma : (trainedLevel / 100) * rangeOf(trial.head.image.data)[1];
    const result = await denoiseByNetwork(open, image, { sigma: told, where });
    found.push(judgedOf(trial, name, result, sigma));
  }
  await open.executable.dispose();
  return found;
}
