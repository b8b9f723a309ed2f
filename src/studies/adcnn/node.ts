import { drawSplit, type Person } from "../../audit/draw-split.js";
import { openPool } from "../../core/pool.node.js";
import { type Rng, rng } from "../../core/rng.js";
import { shareArrays } from "../../core/share.js";
import { drawStudy, type StudyPerson } from "../../sim/alzheimer/cohort.js";
import type { OpenRequest, Study, StudySize, Workshop } from "../study.js";
import { conclude } from "./conclude.js";
import {
  type CohortSplit,
  pairs,
  type SlicedSubject,
  type Subject,
  type Task,
  type TrialSetup,
} from "./data.js";
import {
  type Configs,
  configurationOf,
  type Extent,
  extentFor,
  fullMinutes,
  openingCost,
  partsOf,
  type Trial,
  trialsOf,
} from "./plan.js";
import { readSlabs, slabFolder } from "./slabs.node.js";
import {
  cohortOptions,
  externalOptions,
  type SubjectsSetup,
  type SubjectTask,
  slicedOptions,
} from "./subjects.node.js";

/** Wen et al. 2020 on simulated subjects, and what leakage does on these and on real slabs; the networks are presets of `adcnn`. */
export function adcnnStudy(configs: Configs): Study {
  return {
    title: "Alzheimer's disease by networks, with and without leakage",
    description:
      "A simulated cohort of controls, patients with dementia and with stable or progressive mild impairment is split by subject, matched in age and sex, into folds and an independent test set that is opened once, when nothing is left to choose. Networks of whole volumes, hippocampal regions, patches and slices and linear classifiers learn AD against CN fold by fold, go on to sMCI against pMCI, and are judged on the test set and on a shifted external cohort. Then the same data are leaked on purpose: slices split one by one, with the diagnoses and with others dealt at random among the heads, on simulated heads and on real slabs where --data has them; pre-training and feature selection before the split; and settings chosen on the set that is reported. The audit looks at each.",
    minutes: fullMinutes,
    plan: (size) => {
      const folder = slabFolder(size.dataDir);
      const extent = extentFor(size.minutes, folder !== undefined);
      return {
        configuration: configurationOf(extent, configs, size),
        parts: partsOf(extent),
        openingCost: openingCost(extent),
        open: (request) => open(extent, configs, size, folder, request),
        conclude: async (read) =>
          conclude({
            extent,
            read,
            split: splitOf(extent, size.seed),
            slabs: folder !== undefined ? "read" : size.dataDir === undefined ? "not asked for" : "not there",
            rng: rng(size.seed).split("intervals"),
          }),
      };
    },
  };
}

async function open(
  extent: Extent,
  configs: Configs,
  { seed }: StudySize,
  folder: string | undefined,
  request: OpenRequest,
): Promise<Workshop> {
  const trials: ReadonlyMap<string, Trial> = trialsOf(extent);
  const { own, external, sliced } = await simulate(extent, seed, request);
  const [studied, clean] = apart(sliced, extent.sliceSubjects);
  const real = folder === undefined ? {} : { real: await readSlabs(folder, extent) };
  const setup: TrialSetup = {
    ...shareArrays({ subjects: own, external, sliced: { simulated: studied, ...real }, clean }),
    split: splitOf(extent, seed),
    extent,
    seed,
    configs,
    stop: new Int32Array(new SharedArrayBuffer(4)),
  };
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "work.node$1"));
  const pool = await openPool<TrialSetup, Trial, unknown>(module, setup, request.threads);
  const running = new Set<Promise<unknown>>();
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

/** The test set and the folds of both tasks, by subject, matched in age and sex. */
function splitOf(extent: Extent, seed: number): CohortSplit {
  const people = drawStudy(cohortOptions(extent, seed));
  const { test, folds } = extent;
  const of = (task: Task) => {
    const own = people.filter(({ patient }) =>
      (pairs[task] as readonly string[]).includes(patient.course.group),
    );
    return drawSplit(
      own.map(personOf),
      { test: (2 * test) / own.length, folds, match: ["age", "sex"] },
      splitRng(seed, task),
      "the simulated cohort",
    );
  };
  const [pair, mild] = [of("pair"), of("mild")];
  return {
    test: [...pair.test, ...mild.test],
    folds: pair.folds.map((ids, fold) => [...ids, ...mild.folds[fold]!]),
    balance: [...pair.balance, ...mild.balance],
  };
}

const splitRng = (seed: number, task: Task): Rng => rng(seed).split("split", task);

const personOf = ({ id, patient }: StudyPerson): Person => ({
  subject: id,
  stratum: patient.course.group,
  covariates: { age: patient.ageYears, sex: patient.sex },
});

/** The first so many of each class, and the others. */
function apart(
  sliced: readonly SlicedSubject[],
  each: number,
): [studied: SlicedSubject[], others: SlicedSubject[]] {
  const counts = new Map<boolean, number>();
  const parts: [SlicedSubject[], SlicedSubject[]] = [[], []];
  for (const one of sliced) {
    const before = counts.get(one.positive) ?? 0;
    counts.set(one.positive, before + 1);
    parts[before < each ? 0 : 1].push(one);
  }
  return parts;
}

interface Simulated {
  readonly own: Subject[];
  readonly external: Subject[];
  readonly sliced: SlicedSubject[];
}

async function simulate(
  extent: Extent,
  seed: number,
  { threads, signal, onProgress }: OpenRequest,
): Promise<Simulated> {
  const counts = {
    own: drawStudy(cohortOptions(extent, seed)).length,
    external: drawStudy(externalOptions(extent, seed)).length,
    sliced: drawStudy(slicedOptions(extent, seed)).length,
  };
  const tasks = (["sliced", "own", "external"] as const).flatMap((cohort) =>
    Array.from({ length: counts[cohort] }, (_, index): SubjectTask => ({ cohort, index })),
  );
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "subjects.node$1"));
  const pool = await openPool<SubjectsSetup, SubjectTask, Subject | SlicedSubject>(
    module,
    { extent, seed },
    threads,
  );
  const found: Simulated = { own: [], external: [], sliced: [] };
  let [next, done] = [0, 0];
  const work = async (): Promise<void> => {
    while (next < tasks.length) {
      signal?.throwIfAborted();
      const task = tasks[next++]!;
      (found[task.cohort] as (Subject | SlicedSubject)[])[task.index] = await pool.run(task);
      onProgress?.(++done / tasks.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: threads }, work));
  } finally {
    await pool.close();
  }
  return found;
}
