import { joinPath } from "../../io/files.js";
import type { NnunetPreset } from "../../tasks/segmentation/nnunet/config.js";
import { partThread } from "../parts.node.js";
import { drawCase, type StudyCase } from "./data.js";
import { choose, type ExperimentPlace, planExperiment, trainFolds, writeDataSet } from "./experiment.node.js";
import { type Extent, type Kind, kinds, kindTitles, kindWords, partIds, presetOf, realSets } from "./plan.js";
import { judgePlan, type Planned } from "./planned.js";
import { realFolds, studyReal } from "./real.node.js";
import type { Choice } from "./score.js";
import { testKind } from "./test.node.js";

export interface WorkSetup {
  readonly extent: Extent;
  readonly preset: NnunetPreset;
  readonly seed: number;
  /** Folder of real scans. */
  readonly dataDir: string | null;
  /** The study's: data sets and experiments stay in it. */
  readonly folder: string;
}

/** What real scans are planned for, and batches of them. */
const realExtent = { memoryGb: 0.15, batch: { "2d": 24, "3d": 2 } } as const;

/** What each thread does: see `openParts`. */
export const start = partThread<WorkSetup>((setup, signal) => async (id, read) => {
  const { extent, preset, dataDir } = setup;
  for (const set of realSets) {
    if (id !== partIds.real(set)) continue;
    const own = { ...realExtent, steps: extent.realSteps[set] };
    const place = placeOf(setup, set, realFolds[set], signal);
    return studyReal(set, dataDir!, place, presetOf(preset, extent, own, "3d_fullres"));
  }
  for (const kind of kinds) {
    const own = extent.kinds[kind];
    const place = placeOf(setup, kind, extent.folds, signal);
    if (id === partIds.plan(kind)) return planKind(kind, setup, place);
    for (const name of own.configurations)
      if (id === partIds.train(kind, name)) return trainFolds(place, presetOf(preset, extent, own, name));
    if (id === partIds.best(kind)) return choose(place);
    if (id === partIds.test(kind))
      return testKind({
        kind,
        cases: draw(kind, own.cases, own.test, setup, signal),
        experiment: place.dir,
        folds: extent.folds,
        choice: read(partIds.best(kind)) as Choice,
        signal,
      });
  }
  throw new RangeError(`no part ${id}`);
});

function placeOf(
  { folder, seed }: WorkSetup,
  name: string,
  folds: number,
  signal: AbortSignal,
): ExperimentPlace {
  return {
    dataDir: joinPath(folder, `data-${name}`),
    dir: joinPath(folder, `experiment-${name}`),
    folds,
    seed,
    signal,
  };
}

/** Simulate what is trained on, plan it, and put the plan beside what the rules ask for. */
async function planKind(kind: Kind, setup: WorkSetup, place: ExperimentPlace): Promise<Planned> {
  const own = setup.extent.kinds[kind];
  const { channels, labels } = kindWords[kind];
  const values = Object.fromEntries(labels.map((name, at) => [name, at + 1]));
  await writeDataSet(
    place.dataDir,
    { name: kindTitles[kind], channels, labels: values, simulated: true },
    draw(kind, 0, own.cases, setup, place.signal),
  );
  return judgePlan(kind, await planExperiment(place, presetOf(setup.preset, setup.extent, own, "auto")), own);
}

/** Cases of a kind, from one number on. */
function draw(
  kind: Kind,
  first: number,
  count: number,
  { extent, seed }: WorkSetup,
  signal: AbortSignal,
): StudyCase[] {
  return Array.from({ length: count }, (_, n) => {
    signal.throwIfAborted();
    return drawCase(kind, extent.kinds[kind], seed, first + n);
  });
}
