import { z } from "zod";
import { openPool } from "../../core/pool.node.js";
import { rng } from "../../core/rng.js";
import { simulateSubject } from "../../sim/cohort.js";
import { simulateInParallel } from "../../sim/subjects.node.js";
import type { OpenRequest, Study, StudySize, Workshop } from "../study.js";
import { conclude } from "./conclude.js";
import { cohortOf, cutPatches, emptyPatches, type Patches, structures } from "./data.js";
import { configurationOf, dataCost, type Extent, extentFor, partsOf, trialsOf } from "./plan.js";
import type { Trial, TrialResult, TrialSetup } from "./trial.js";

const numbers = z.array(z.number());

const resultSchema = z.object({
  steps: numbers,
  accuracy: numbers,
  loss: numbers,
  divergedAt: z.number().nullable(),
  inputs: z.object({ p15: numbers, p50: numbers, p85: numbers }),
  wander: z.number(),
});

/** The claims of Ioffe & Szegedy 2015 (arXiv 1502.03167) on patches of simulated heads. */
export const batchNormStudy: Study = {
  title: "Batch normalisation, with and without",
  description:
    "The same small networks are trained with and without batch normalisation, at rising learning rates, to name the structure at the centre of a patch from a simulated T1-weighted head. Weights at first and batches are the same for all networks of a repetition.",
  minutes: 8,
  images: "none",
  plan: (size) => {
    const extent = extentFor(size.minutes);
    const trials = trialsOf(extent, size);
    return {
      configuration: configurationOf(extent),
      parts: partsOf(extent),
      openingCost: dataCost(extent),
      open: (request) => open(extent, trials, size, request),
      conclude: async (read) =>
        conclude({
          extent,
          result: (id) => resultSchema.parse(read(id)),
          examples: examples(size),
          rng: rng(size.seed).split("intervals"),
        }),
    };
  },
};

async function open(
  extent: Extent,
  trials: ReadonlyMap<string, Trial>,
  { seed }: StudySize,
  { threads, signal, onProgress }: OpenRequest,
): Promise<Workshop> {
  const { trainHeads, testHeads, trainPatches, testPatches } = extent;
  const total = trainHeads + testHeads;
  let heads = 0;
  const make = async (part: "train" | "test", count: number, perClass: number): Promise<Patches> => {
    const patches = emptyPatches(count * perClass * structures.length);
    let at = 0;
    for await (const head of simulateInParallel(cohortOf(count, seedOf(seed, part)))) {
      signal?.throwIfAborted();
      cutPatches(head, perClass, patches, at, `${seed}/${part}/${head.id}`);
      at += perClass * structures.length;
      onProgress?.(++heads / total);
    }
    return patches;
  };
  const setup: TrialSetup = {
    train: await make("train", trainHeads, trainPatches),
    test: await make("test", testHeads, testPatches),
    stop: new Int32Array(new SharedArrayBuffer(4)),
  };
  const pool = await openPool<TrialSetup, Trial, TrialResult>(
    new URL(import.meta.url.replace(/node(\.\w+)$/, "trials.node$1")),
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

/** Heads for training and for testing are different people. */
function seedOf(seed: number, part: "train" | "test"): number {
  return rng(seed)
    .split(part)
    .integer(2 ** 31);
}

/** Patches of the first training head, for the report: so many of each structure. */
function examples({ seed }: StudySize): { readonly patches: Patches; readonly perClass: number } {
  const perClass = 16;
  const patches = emptyPatches(perClass * structures.length);
  const head = simulateSubject(cohortOf(1, seedOf(seed, "train")), 0);
  cutPatches(head, perClass, patches, 0, `${seed}/train/${head.id}`);
  return { patches, perClass };
}
