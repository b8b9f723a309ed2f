import { existsSync } from "node:fs";
import { fail } from "../../core/errors.js";
import { joinPath } from "../../io/files.js";
import { prepare, rangeOf } from "../../tasks/reconstruction/setup.node.js";
import { paths } from "../../tasks/run-folder.node.js";
import { trainRun } from "../../tasks/train.node.js";
import type { StudyData, StudyScan } from "./data.js";
import { configOf, type Extent, type NetworkMethod, presetOf, type StudyConfigs } from "./plan.js";

/** All that parts of the study work with. */
export interface StudySetup {
  readonly data: StudyData;
  readonly extent: Extent;
  readonly configs: StudyConfigs;
  readonly seed: number;
  /** The study's. */
  readonly folder: string;
}

/** The run of one of the study's networks. */
export const runOf = (folder: string, method: NetworkMethod): string => joinPath(folder, `run-${method}`);

/** Train, or go on where an interrupted study stopped. On one thread wherever it runs: another number can change the last bits. */
export async function trainNetwork(
  method: NetworkMethod,
  { data: { training, validation, test }, extent, configs, seed, folder }: StudySetup,
  signal: AbortSignal,
): Promise<{ readonly steps: number; readonly seconds: number }> {
  const began = performance.now();
  const runDir = runOf(folder, method);
  const network = { preset: presetOf(extent, method), config: configOf(extent, method, configs) };
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
