import { z } from "zod";
import { openPool } from "../../core/pool.node.js";
import { rng } from "../../core/rng.js";
import { shareArrays } from "../../core/share.js";
import { drawStudy } from "../../sim/alzheimer/cohort.js";
import { simulateInParallel } from "../../sim/subjects.node.js";
import type { ClassificationConfig } from "../../tasks/classification/config.js";
import { cohortOf, cutPatches, emptyPatches, type Patches, structures } from "../batch-norm/data.js";
import type { OpenRequest, Study, StudySize, Workshop } from "../study.js";
import { conclude } from "./conclude.js";
import {
  configurationOf,
  type Extent,
  extentFor,
  type NetworkName,
  openingCost,
  partsOf,
  type Trial,
  trialsOf,
} from "./plan.js";
import { type CohortSetup, cohortOptions } from "./subjects.node.js";
import type { Subject, TrialResult, TrialSetup } from "./trial.js";

const foldSchema = z.object({
  auc: z.number(),
  accuracy: z.number(),
  trainLoss: z.number(),
  occlusion: z.array(z.object({ subject: z.string(), sites: z.number(), elsewhere: z.number() })).nullable(),
});
const deepSchema = z.object({ error: z.number(), steps: z.array(z.number()), errors: z.array(z.number()) });

/** Heads whose patches the deep networks are trained on. */
const patchHeads = 8;

/** The claims of Korolev et al. 2017 and of He et al. 2015 on simulated subjects; the two networks are presets of `voxcnn`. */
export function voxcnnStudy(configs: Readonly<Record<NetworkName, ClassificationConfig>>): Study {
  return {
    title: "Plain and residual networks for diagnoses",
    description:
      "A simulated cohort with the paper's numbers of controls, early and late mild cognitive impairment and dementia, whose anatomy follows from a continuous severity beyond ageing. A small VoxCNN and a small VoxResNet are trained on each pair of diagnoses, fold by fold, with no look at the held-out subjects before the end. He et al.'s plain and residual networks of 20 and 56 layers learn to name structures in patches of simulated heads.",
    minutes: 25,
    images: "none",
    plan: (size) => {
      const extent = extentFor(size.minutes);
      return {
        configuration: { ...configurationOf(extent, size), networks: configs },
        parts: partsOf(extent),
        openingCost: openingCost(extent),
        open: (request) => open(extent, configs, size, request),
        conclude: async (read) =>
          conclude({
            extent,
            fold: (id) => foldSchema.parse(read(id)),
            deep: (id) => deepSchema.parse(read(id)),
            rng: rng(size.seed).split("intervals"),
          }),
      };
    },
  };
}

async function open(
  extent: Extent,
  configs: Readonly<Record<NetworkName, ClassificationConfig>>,
  { seed }: StudySize,
  request: OpenRequest,
): Promise<Workshop> {
  const { threads } = request;
  const trials: ReadonlyMap<string, Trial> = trialsOf(extent);
  const subjects = await simulateSubjects(extent, configs.voxcnn, seed, request);
  const setup: TrialSetup = {
    subjects: shareArrays(subjects),
    patches: await makePatches(extent, seed),
    extent,
    seed,
    configs,
    stop: new Int32Array(new SharedArrayBuffer(4)),
  };
  const pool = await openPool<TrialSetup, Trial, TrialResult>(
    new URL(import.meta.url.replace(/node(\.\w+)$/, "work.node$1")),
    setup,
    threads,
  );
  const running = new Set<Promise<TrialResult>>();
  return {
    run: async (id) => {
      const work = pool.run(trials.get(id)!);
      running.add(work);
      return work.finally(() => running.delete(work));
    },
    close: async () => {
      Atomics.store(setup.stop, 0, 1);
      await Promise.allSettled(running);
      await pool.close();
    },
  };
}

async function simulateSubjects(
  extent: Extent,
  { input }: ClassificationConfig,
  seed: number,
  { threads, signal, onProgress }: OpenRequest,
): Promise<Subject[]> {
  const options = cohortOptions(extent, seed);
  const count = drawStudy(options).length;
  const pool = await openPool<CohortSetup, number, Subject>(
    new URL(import.meta.url.replace(/node(\.\w+)$/, "subjects.node$1")),
    { options, input },
    threads,
  );
  const subjects: Subject[] = [];
  let [next, done] = [0, 0];
  const work = async (): Promise<void> => {
    while (next < count) {
      signal?.throwIfAborted();
      const at = next++;
      subjects[at] = await pool.run(at);
      onProgress?.(++done / (count + patchHeads));
    }
  };
  try {
    await Promise.all(Array.from({ length: threads }, work));
  } finally {
    await pool.close();
  }
  return subjects;
}

async function makePatches({ deepPatches }: Extent, seed: number): Promise<Patches> {
  const patches = emptyPatches(patchHeads * deepPatches * structures.length);
  let at = 0;
  for await (const head of simulateInParallel(cohortOf(patchHeads, seed))) {
    cutPatches(head, deepPatches, patches, at, `${seed}/deep/${head.id}`);
    at += deepPatches * structures.length;
  }
  return patches;
}
