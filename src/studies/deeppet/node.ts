import { existsSync } from "node:fs";
import { fail } from "../../core/errors.js";
import { openPool } from "../../core/pool.node.js";
import { rng } from "../../core/rng.js";
import { shareArrays } from "../../core/share.js";
import { joinPath } from "../../io/files.js";
import type { ReconstructionConfig } from "../../tasks/reconstruction/config.js";
import { prepare, rangeOf } from "../../tasks/reconstruction/setup.node.js";
import { paths } from "../../tasks/run-folder.node.js";
import { trainRun } from "../../tasks/train.node.js";
import type { OpenRequest, Study, StudySize, Workshop } from "../study.js";
import type { ClassicResult } from "./classic.js";
import { conclude } from "./conclude.js";
import { phantomTasks, type StudyData, type StudyScan } from "./data.js";
import { type JudgeResult, judgeNetwork, type TimeResult, timeMethods } from "./judge.node.js";
import { packed, unpacked } from "./packed.node.js";
import {
  configOf,
  configurationOf,
  dataCost,
  type Extent,
  extentFor,
  fullMinutes,
  geometryOf,
  type LevelName,
  levels,
  type NetworkMethod,
  networkMethods,
  partIds,
  partsOf,
  presetOf,
  type StudyConfigs,
} from "./plan.js";
import { imagesIn, unseenScans } from "./unseen.node.js";
import type { Work, WorkSetup } from "./work.node.js";

/**
 * The claims of Häggström et al. 2019 on simulated heads and bodies, and on real images that no phantom was made after.
 * The trained networks stay in the study's folder, as runs.
 */
export function deepPetStudy(configs: StudyConfigs): Study {
  return {
    title: "DeepPET beside FBP, ML-EM and OSEM",
    description:
      "PET slices of heads and bodies are reconstructed by filtered backprojection, ML-EM and OSEM, each tuned on phantoms of its own, by DeepPET, which learns the way from sinogram to image from other phantoms only, and by a network that learns to improve filtered backprojections (after Jin et al. 2017). All get the same counts with the same attenuation, scatter and randoms.",
    minutes: fullMinutes,
    plan: (size) => {
      const extent = extentFor(size.minutes);
      return {
        configuration: { ...configurationOf(extent, configs), images: size.dataDir ?? "none" },
        parts: partsOf(extent),
        openingCost: dataCost(extent),
        open: (request) => open(extent, configs, size, request),
        conclude: async (read) => {
          const result = (id: string): unknown => unpacked(read(id));
          const classic = levels.map(
            ({ name }) => [name, result(partIds.classic(name)) as ClassicResult] as const,
          );
          return conclude({
            extent,
            classic: Object.fromEntries(classic) as Record<LevelName, ClassicResult>,
            networks: {
              deeppet: result(partIds.judge("deeppet")) as JudgeResult,
              backprojected: result(partIds.judge("backprojected")) as JudgeResult,
            },
            time: result(partIds.time) as TimeResult,
            random: rng(size.seed).split("intervals"),
          });
        },
      };
    },
  };
}

/** The run of one of the study's networks. */
const runOf = (folder: string, method: NetworkMethod): string => joinPath(folder, `run-${method}`);

async function open(
  extent: Extent,
  configs: StudyConfigs,
  size: StudySize,
  request: OpenRequest,
): Promise<Workshop> {
  const { seed } = size;
  const data = await simulate(extent, size, request);
  const { training: _, ...held } = data;
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "work.node$1"));
  const setup: WorkSetup = { extent, seed, data: shareArrays(held) };
  const pool = await openPool<WorkSetup, Work, ClassicResult>(module, setup, 1);
  const stop = new AbortController();
  const runs = {
    deeppet: runOf(request.folder, "deeppet"),
    backprojected: runOf(request.folder, "backprojected"),
  };
  const running = new Set<Promise<unknown>>();
  const work = async (id: string, read: (id: string) => unknown): Promise<unknown> => {
    const level = levels.find(({ name }) => partIds.classic(name) === id);
    if (level !== undefined) return packed(await pool.run({ level: level.name }));
    for (const method of networkMethods) {
      if (id === partIds.train(method))
        return trainNetwork(
          { preset: presetOf(extent, method), config: configOf(extent, method, configs) },
          extent,
          data,
          { runDir: runs[method], seed, signal: stop.signal },
        );
      if (id === partIds.judge(method)) return packed(await judgeNetwork(runs[method], held, seed));
    }
    const { tuned } = read(partIds.classic("clinical")) as ClassicResult;
    const settings = { fbp: tuned.fbp.best, mlem: tuned.mlem.best, osem: tuned.osem.best };
    return timeMethods(runs, data.test, settings, extent.timed);
  };
  return {
    run: (id, read) => {
      const working = work(id, read);
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

/** All slices: phantoms on as many threads as there may be, then the real images. */
async function simulate(
  extent: Extent,
  { seed, dataDir }: StudySize,
  { threads, signal, onProgress }: OpenRequest,
): Promise<StudyData> {
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "work.node$1"));
  const pool = await openPool<WorkSetup, Work, StudyScan[]>(module, { extent, seed }, Math.max(1, threads));
  try {
    const tasks = phantomTasks(extent);
    let done = 0;
    const phantoms = await Promise.all(
      tasks.map(async (phantom) => {
        const slices = await pool.run({ phantom });
        signal?.throwIfAborted();
        onProgress?.(++done / tasks.length);
        return slices;
      }),
    );
    const { trainPhantoms, validationPhantoms } = extent;
    const images = await imagesIn(dataDir);
    return {
      training: phantoms.slice(0, trainPhantoms).flat(),
      validation: phantoms.slice(trainPhantoms, trainPhantoms + validationPhantoms).flat(),
      test: phantoms.slice(trainPhantoms + validationPhantoms).flat(),
      unseen: images.length === 0 ? [] : await unseenScans(dataDir!, images, geometryOf(extent), seed),
    };
  } finally {
    await pool.close();
  }
}

/** Train, or go on where an interrupted study stopped. On one thread wherever it runs: another number can change the last bits. */
async function trainNetwork(
  network: { readonly preset: string; readonly config: ReconstructionConfig },
  extent: Extent,
  { training, validation, test }: StudyData,
  { runDir, seed, signal }: { readonly runDir: string; readonly seed: number; readonly signal: AbortSignal },
): Promise<{ readonly steps: number; readonly seconds: number }> {
  const began = performance.now();
  const ids = (scans: readonly StudyScan[]) => scans.map(({ id }) => id);
  const phantoms = (scans: readonly StudyScan[]) => [...new Set(scans.map(({ phantom }) => phantom))];
  const of = <T>(pick: (scans: readonly StudyScan[]) => T) => ({
    train: pick(training),
    validation: pick(validation),
    test: pick(test),
  });
  const prepared = await prepare(
    { system: "deeppet", ...network },
    {
      training,
      validation,
      split: { by: "subject", seed, ...of(ids), subjects: of(phantoms) },
      record: {
        root: "simulated for the study",
        name: "phantoms of the study",
        scans: training.length + validation.length + test.length,
        phantoms: extent.trainPhantoms + extent.validationPhantoms + extent.testPhantoms,
        sha256: `of seed ${seed}`,
        counts: rangeOf(training),
      },
      simulated: true,
    },
    { runDir, seed, threads: 1, resume: existsSync(paths.run(runDir)) },
  );
  const { stopped, steps, seconds } = await trainRun(prepared, { runDir, signal }, began);
  if (stopped === "asked") fail("runtime", { what: "the training was interrupted" });
  return { steps, seconds };
}
