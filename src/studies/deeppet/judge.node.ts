import type { PetScan } from "../../sim/pet/model.js";
import { buildProjector } from "../../sim/pet/projector.js";
import { reconstructByNetwork, type SliceNetwork } from "../../tasks/reconstruction/apply.js";
import { readRun } from "../../tasks/reconstruction/folder.node.js";
import { networkInput } from "../../tasks/reconstruction/input.js";
import { openModelAt } from "../../tasks/reconstruction/open.node.js";
import { scoreImage } from "../../tasks/reconstruction/validate.js";
import { readHistory } from "../../tasks/run-folder.node.js";
import { type ClassicSettings, type Judged, reconstructClassic } from "./classic.js";
import { countedAt, type StudyData, type StudyScan, shownOf } from "./data.js";
import { type LevelName, levels, type Method, methods, type NetworkMethod } from "./plan.js";

/** A slice that is shown: what was there, and what was measured of it. */
export interface Shown {
  readonly id: string;
  readonly truth: Float32Array;
  /** Corrected line integrals by level, relative to their mean. */
  readonly sinograms: Readonly<Record<LevelName, Float32Array>>;
}

/** Slices and how the network did on them. */
export interface NetworkJudged {
  readonly phantoms: readonly string[];
  readonly kinds: readonly string[];
  readonly levels: Readonly<Record<LevelName, Judged<"network">>>;
  readonly shown: readonly Shown[];
}

export interface JudgeResult {
  readonly test: NetworkJudged;
  readonly unseen: NetworkJudged;
  /** How the training went: mean loss since the validation before, and rRMSE of the validation slices. */
  readonly training: readonly { readonly step: number; readonly loss: number; readonly rRMSE: number }[];
  readonly parameters: number;
}

/** Judge the trained network on the same counts as the classic methods. */
export async function judgeNetwork(
  runDir: string,
  { test, unseen }: Pick<StudyData, "test" | "unseen">,
  seed: number,
  signal: AbortSignal,
): Promise<JudgeResult> {
  const network = await openModelAt(runDir, { threads: 1 });
  try {
    const { parameters } = await readRun(runDir);
    return {
      test: await judge(network, test, seed, signal),
      unseen: await judge(network, unseen, seed, signal),
      training: await curve(runDir),
      parameters,
    };
  } finally {
    await network.executable.dispose();
  }
}

async function judge(
  network: SliceNetwork,
  scans: readonly StudyScan[],
  seed: number,
  signal: AbortSignal,
): Promise<NetworkJudged> {
  const shown = shownOf(scans);
  const counted = ofLevels((level) => countedAt(scans, level, seed));
  const found: [LevelName, Judged<"network">][] = [];
  for (const { name } of levels) {
    signal.throwIfAborted();
    const images = await reconstructByNetwork(
      network,
      counted[name].map(({ scan }) => scan),
      (n) => scans[n]!.id,
    );
    const scores = images.map((image, n) => scoreImage(scans[n]!.truth, image));
    found.push([name, { scores: { network: scores }, images: { network: shown.map((n) => images[n]!) } }]);
  }
  return {
    phantoms: scans.map(({ phantom }) => phantom),
    kinds: scans.map(({ kind }) => kind),
    levels: Object.fromEntries(found) as NetworkJudged["levels"],
    shown: shown.map((n) => ({
      id: scans[n]!.id,
      truth: scans[n]!.truth,
      sinograms: ofLevels((level) => networkInput(counted[level][n]!.scan, ["precorrected"]).data),
    })),
  };
}

function ofLevels<T>(make: (level: LevelName) => T): Record<LevelName, T> {
  return Object.fromEntries(levels.map(({ name }) => [name, make(name)])) as Record<LevelName, T>;
}

async function curve(runDir: string): Promise<JudgeResult["training"]> {
  const points: { step: number; loss: number; rRMSE: number }[] = [];
  let [sum, count] = [0, 0];
  for (const { step, trainLoss = 0, metrics } of await readHistory(runDir)) {
    sum += trainLoss;
    count++;
    if (metrics?.rRMSE === undefined) continue;
    points.push({ step, loss: sum / count, rRMSE: metrics.rRMSE });
    [sum, count] = [0, 0];
  }
  return points;
}

export interface TimeResult {
  /** Milliseconds of a slice, of as many slices. */
  readonly milliseconds: Readonly<Record<Method, readonly number[]>>;
}

/** Rounds that are not counted: what is compiled on the way is compiled by then, whatever the thread did before. */
const warmUps = 4;

/** Time every method on the same slices in turn, on one thread, corrections and scaling included, files not. */
export async function timeMethods(
  runs: Readonly<Record<NetworkMethod, string>>,
  test: readonly StudyScan[],
  settings: ClassicSettings,
  count: number,
  signal: AbortSignal,
): Promise<TimeResult> {
  const networks = {
    deeppet: await openModelAt(runs.deeppet, { threads: 1 }),
    backprojected: await openModelAt(runs.backprojected, { threads: 1 }),
  };
  const projector = buildProjector(networks.deeppet.model.geometry);
  const run = (method: Method, scan: PetScan): unknown =>
    method === "deeppet" || method === "backprojected"
      ? reconstructByNetwork(networks[method], [scan])
      : reconstructClassic(scan, method, settings, projector);
  const milliseconds = Object.fromEntries(methods.map((method) => [method, [] as number[]])) as Record<
    Method,
    number[]
  >;
  try {
    for (let n = -warmUps; n < count; n++)
      for (const method of methods) {
        signal.throwIfAborted();
        const { scan } = test[Math.max(0, n) % test.length]!;
        const began = performance.now();
        await run(method, scan);
        if (n >= 0) milliseconds[method].push(performance.now() - began);
      }
    return { milliseconds };
  } finally {
    for (const { executable } of Object.values(networks)) await executable.dispose();
  }
}
