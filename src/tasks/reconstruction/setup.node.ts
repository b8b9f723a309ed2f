import { basename, resolve } from "node:path";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import { joinPath } from "../../io/files.js";
import type { Row } from "../../io/tables.js";
import { parameterCount } from "../../nn/scope.js";
import { engineOn } from "../../runtime/devices.node.js";
import { compileStep } from "../../train/compile.js";
import type { MemoryUse, Step } from "../../train/step.js";
import { fitMemory, gib } from "../memory.node.js";
import { batchOfRun, refuseLowering, requireSameRun } from "../resume.js";
import { placeOf } from "../run.js";
import { createRunFolder, requireNoRun } from "../run-folder.node.js";
import { splitOf as splitFor } from "../split.node.js";
import { continued, firstRecord, noteTo, presetOf, startOf, usualProvenance } from "../start.node.js";
import type { Trainable } from "../trainable.js";
import type { TrainRequest } from "../verbs.js";
import { requireGeometry } from "./apply.js";
import { threadedBatches } from "./batches.node.js";
import { type ReconstructionConfig, withChanges } from "./config.js";
import { fingerprintOf, loadTrainingScan, openPetFolder, type PetFolder, splitOf } from "./data.node.js";
import { drawScan, requireTrues, type TrainingScan } from "./draw.js";
import { readRun } from "./folder.node.js";
import { reconstructionStep } from "./model.js";
import { encodeNetwork, networkOfState } from "./network.node.js";
import type { ReconstructionModel, Run } from "./run.js";
import { score, validate } from "./validate.js";

/** A system that reconstructs: its name and its presets. */
export interface ReconstructionSystem {
  readonly name: string;
  readonly presets: Readonly<Record<string, ReconstructionConfig>>;
}

/** Scans in memory, split, and where they came from. */
export interface ReconstructionData {
  readonly training: readonly TrainingScan[];
  /** Judged on while training. */
  readonly validation: readonly TrainingScan[];
  readonly split: Run["split"];
  readonly record: Run["data"];
  readonly simulated: boolean;
}

/** What of a request decides a training, whatever its data. */
export type TrainingRequest = Pick<
  TrainRequest,
  "runDir" | "seed" | "resume" | "threads" | "memory" | "device" | "minutes" | "leakageStudy" | "onProgress"
>;

/** Everything before the first step, with the data of a folder. Nothing is written until all of it has worked out. */
export async function setUp(system: ReconstructionSystem, request: TrainRequest): Promise<Trainable<Run>> {
  await engineOn(request.device ?? "cpu");
  const [option] = Object.keys(request.dataset ?? {});
  if (option !== undefined)
    fail("bad-argument", {
      what: `--${option} means nothing to ${system.name}`,
      where: request.dataDir,
      fix: "Leave it out: scans.tsv says what there is to know of PET scans",
    });
  if (request.resume) await readRun(request.runDir);
  else await requireNoRun(request.runDir);
  const { preset, config } = presetOf(system, request, withChanges);
  const folder = await openPetFolder(request.dataDir);
  const cases = folder.rows.map(({ scan, phantom }) => ({
    id: scan!,
    subject: phantom!,
    images: [joinPath(folder.root, scan!, "activity.nii.gz")],
  }));
  const split = await splitFor({ name: folder.root, stack: false, cases }, request, () =>
    splitOf(folder, request.fold, request.folds, request.seed),
  );
  noteTo(request, `reading ${split.train.length + split.validation.length} slices`);
  const training = await loadAll(folder, split.train);
  const validation = await loadAll(folder, split.validation);
  const data: ReconstructionData = {
    training,
    validation,
    split,
    record: {
      root: resolve(request.dataDir),
      name: basename(resolve(request.dataDir)),
      scans: folder.rows.length,
      phantoms: new Set(folder.rows.map(({ phantom }) => phantom)).size,
      sha256: await fingerprintOf(folder),
      counts: rangeOf([...training, ...validation]),
    },
    simulated: true,
  };
  return prepare({ system: system.name, preset, config }, data, request);
}

/** A run on data in memory, ready for its first, or its next, step. */
export async function prepare(
  { system, preset, config }: { system: string; preset: string; config: ReconstructionConfig },
  data: ReconstructionData,
  request: TrainingRequest,
): Promise<Trainable<Run>> {
  const { runDir, seed, threads, device = "cpu" } = request;
  const engine = await engineOn(device);
  const old = request.resume ? await readRun(runDir) : undefined;
  const { training } = data;
  const geometry = training[0]!.scan.geometry;
  for (const one of [...training, ...data.validation]) requireGeometry(one.scan.geometry, geometry, one.id);
  requireFit(config, geometry.imageSize);
  if (config.noise === "fresh") for (const one of training) requireTrues(one);
  const wanted = old === undefined ? config : { ...config, batch: batchOfRun(old, config) };
  const build = (candidate: ReconstructionConfig, use: MemoryUse): Step =>
    reconstructionStep(candidate, geometry, use);
  const fitted = fitMemory(
    wanted,
    build,
    await engine.target(),
    process.availableMemory(),
    request.memory,
    "preset, e.g. --preset small",
  );
  if (old !== undefined && fitted.config.batch < wanted.batch) refuseLowering(old, fitted, runDir);
  for (const text of fitted.warnings) noteTo(request, text);
  const model: ReconstructionModel = {
    system,
    preset,
    task: "reconstruction",
    geometry: { ...geometry },
    inputs: [...config.inputs],
    unit: "kBq/ml",
    counts: config.noise === "fresh" ? [...config.counts] : [...data.record.counts],
    psfFwhmMm: training[0]!.scan.psfFwhmMm,
    simulated: data.simulated,
  };
  const run: Run = {
    ...firstRecord({ system, preset }, fitted, request, training.length),
    model,
    parameters: parameterCount(fitted.step.traced),
    data: data.record,
    split: data.split,
    provenance: usualProvenance(data.split),
  };
  if (old !== undefined)
    requireSameRun(old, run, runDir, (one) => ({ model: one.model, data: one.data.sha256 }));
  const executable = await compileStep(
    engine,
    fitted.step,
    fitted.lowered,
    threads === undefined ? {} : { threads },
  );
  const start = await startOf(old, fitted.step, seed, runDir);
  if (old === undefined) await createRunFolder(runDir, run);
  const held = heldOut(data.validation, config, seed);
  return {
    run: continued(old, run),
    step: fitted.step,
    executable,
    ...start,
    openBatches: (of) => threadedBatches(training, { ...of.config, seed: of.seed }),
    ...(held.length === 0
      ? {}
      : {
          validation: {
            cases: held.length,
            scores: [score, "rRMSE", "PSNR dB", "SSIM"],
            open: async (of, state) => {
              const open = await networkOfState(
                of.config,
                of.model,
                state,
                placeOf(of),
                Math.min(8, held.length),
              );
              return {
                judge: (cases) => validate(open, held.slice(0, cases)),
                close: () => open.executable.dispose(),
              };
            },
          },
        }),
    encode: (of, state) => encodeNetwork(of.config, of.model, state),
    sample: `${geometry.views} views of ${geometry.bins} bins`,
  };
}

/** The validation slices, counted once more where training does so, so that all levels are judged: low, middle, high. */
function heldOut(
  scans: readonly TrainingScan[],
  { noise, counts: [low, high] }: ReconstructionConfig,
  seed: number,
): TrainingScan[] {
  const root = rng(seed).split("validation");
  return scans.map((one, n) => {
    if (noise === "recorded" || one.trues === undefined) return one;
    const level = low * (high / low) ** ((n % 3) / 2);
    const { scan } = drawScan(one, root.split(one.id), { counts: [level, level], mirror: false });
    return { ...one, scan };
  });
}

function requireFit({ network }: ReconstructionConfig, imageSize: number): void {
  const size = network.decoder.at(-1)!.size;
  if (size !== imageSize)
    fail("bad-argument", {
      what: "the network makes images of another size than the data's",
      where: "network.decoder",
      expected: `a last size of ${imageSize}`,
      found: `${size}`,
      fix: `Choose a preset for ${imageSize}² pixels (see gyrus list), or end network.decoder with that size`,
    });
}

/** Part of the free memory that the scans may take: training shares a copy of them with a thread. */
const dataShare = 0.4;

async function loadAll(folder: PetFolder, ids: readonly string[]): Promise<TrainingScan[]> {
  const rows = new Map(folder.rows.map((row) => [row.scan!, row]));
  const available = process.availableMemory();
  const loaded: TrainingScan[] = [];
  for (const id of ids) {
    const one = await loadTrainingScan(folder, rows.get(id) as Row);
    loaded.push(one);
    const bytes = loaded.length * (5 * one.scan.prompts.byteLength + one.truth.byteLength);
    if (bytes > dataShare * available)
      fail("memory", {
        what: `the scans do not fit into memory: ${loaded.length} of ${ids.length} were read`,
        where: folder.root,
        expected: `at most ${gib(dataShare * available)}`,
        found: `about ${gib((bytes / loaded.length) * ids.length)}`,
        fix: "Train on fewer scans, or use a machine with more memory",
      });
  }
  return loaded;
}

/** Fewest and most prompts of a slice. */
export function rangeOf(scans: readonly TrainingScan[]): [number, number] {
  const totals = scans.map(({ scan }) => scan.prompts.reduce((sum, value) => sum + value, 0));
  return [Math.min(...totals), Math.max(...totals)];
}
