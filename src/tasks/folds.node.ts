import { nodeFiles } from "../io/node.js";
import { parseSplitFile } from "../io/split-file.js";
import { paths, requireNoRun } from "./run-folder.node.js";
import type { FoldSummary, TrainRequest, TrainSummary } from "./verbs.js";

/** Where the run of a fold lies in the folder of all of them. */
const foldDir = (dir: string, fold: number): string => `${dir}/fold${fold}`;

/**
 * Train all folds one after the other, each a run of its own: `fold0`, `fold1` and so on in the folder that was asked for. With
 * `resume`, folds that were begun go on. Minutes are for all of them: what is left is divided evenly among those to come. The
 * summary's scores are means over the folds. Throws `exists`, before the first, for one that is there already.
 */
export async function trainEveryFold(
  train: (request: TrainRequest) => Promise<TrainSummary>,
  { allFolds: _, ...request }: TrainRequest,
): Promise<TrainSummary> {
  const began = performance.now();
  const count = await foldCount(request);
  const dirs = Array.from({ length: count }, (_, fold) => foldDir(request.runDir, fold));
  if (!request.resume) for (const dir of dirs) await requireNoRun(dir);
  const all: TrainSummary[] = [];
  for (const [fold, runDir] of dirs.entries()) {
    const summary = await train({
      ...withPart(request, `fold ${fold}`),
      ...(request.minutes === undefined
        ? {}
        : { minutes: Math.max(0.01, (request.minutes - minutesSince(began)) / (count - fold)) }),
      runDir,
      fold,
      resume: request.resume && (await hasRun(runDir)),
    });
    all.push(summary);
    if (summary.stopped === "asked") break;
  }
  return summaryOf(request.runDir, all);
}

async function foldCount({ split, folds = 5 }: TrainRequest): Promise<number> {
  if (split === undefined) return folds;
  const text = new TextDecoder().decode(await nodeFiles.read(split));
  return parseSplitFile(text, split, { leaky: true }).folds.length;
}

function hasRun(dir: string): Promise<boolean> {
  return nodeFiles.read(paths.run(dir), 0).then(
    () => true,
    () => false,
  );
}

/** The same request, whose progress says which part of the work it is of. */
function withPart(request: TrainRequest, part: string): TrainRequest {
  const { onProgress } = request;
  if (onProgress === undefined) return request;
  return { ...request, onProgress: (progress) => onProgress.call(request, { ...progress, part }) };
}

function minutesSince(began: number): number {
  return (performance.now() - began) / 60_000;
}

function summaryOf(run: string, all: readonly TrainSummary[]): TrainSummary {
  const sum = (pick: (one: TrainSummary) => number): number =>
    all.reduce((total, one) => total + pick(one), 0);
  const most = (pick: (one: TrainSummary) => number): number => Math.max(...all.map(pick));
  const last = all.at(-1)!;
  const done = all.filter(({ stopped }) => stopped !== "asked");
  const means = Object.keys(last.scores).map((name) => {
    const values = done.flatMap(({ scores }) => scores[name] ?? []);
    return [name, values.reduce((a, b) => a + b, 0) / values.length] as const;
  });
  return {
    run,
    steps: sum(({ steps }) => steps),
    seconds: sum(({ seconds }) => seconds),
    stopped: last.stopped,
    bestScore: null,
    bestStep: 0,
    scores: Object.fromEntries(means.filter(([, value]) => Number.isFinite(value))),
    warnings: [...new Set(all.flatMap(({ warnings }) => warnings))],
    memory: {
      estimateBytes: most(({ memory }) => memory.estimateBytes),
      peakBytes: most(({ memory }) => memory.peakBytes),
    },
    folds: done.map(
      ({ run, steps, seconds, scores }, fold): FoldSummary => ({ fold, run, steps, seconds, scores }),
    ),
  };
}
