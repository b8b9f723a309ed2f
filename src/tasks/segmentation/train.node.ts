import { availableParallelism, cpus } from "node:os";
import { resolve } from "node:path";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import { bytesOf } from "../../core/tensor.js";
import type { DataSet } from "../../io/dataset.js";
import { fingerprint, nodeFiles, openDataSet } from "../../io/node.js";
import { foldOf } from "../../io/split.js";
import { cpu } from "../../lower/cpu.js";
import { lower } from "../../lower/lower.js";
import { parameterCount } from "../../nn/scope.js";
import { plateauReductions, scheduleFactor } from "../../optim/schedule.js";
import type { Executable } from "../../runtime/engine.js";
import { engineVersion, nodeCpu } from "../../runtime/node.js";
import { freshProgress, type Progress, type State, train } from "../../train/loop.js";
import { estimateBytes } from "../../train/memory.js";
import type { Step } from "../../train/step.js";
import { version } from "../../version.js";
import type { TrainRequest, TrainSummary } from "../verbs.js";
import { type BatchPlan, balancedWeights, type TrainingCase } from "./batches.js";
import { threadedBatches } from "./batches.node.js";
import { augmentationOf, type SegmentationConfig, withChanges } from "./config.js";
import { casesOf, describeGrids, loadLabelled, prepareCases } from "./data.node.js";
import {
  createRunFolder,
  historyWriter,
  loadCheckpoint,
  paths,
  readRun,
  saveCheckpoint,
  truncateHistory,
  writeRun,
} from "./folder.node.js";
import { marginOf, segmentationStep } from "./model.js";
import { encodeNetwork, networkOfState } from "./network.node.js";
import { resolvePatch, resolveSpacing } from "./prepare.js";
import type { Run } from "./run.js";
import { validate } from "./validate.node.js";

/** A system that segments: its name and its presets. */
export interface SegmentationSystem {
  readonly name: string;
  readonly presets: Readonly<Record<string, SegmentationConfig>>;
}

interface Prepared {
  readonly run: Run;
  readonly training: readonly TrainingCase[];
  readonly validation: readonly TrainingCase[];
  readonly step: Step;
  readonly executable: Executable;
  readonly progress: Progress;
  readonly state: State;
}

/** Train a segmenting system into a run folder, or go on with one. See `TrainRequest`. */
export async function trainSegmentation(
  system: SegmentationSystem,
  request: TrainRequest,
): Promise<TrainSummary> {
  const began = performance.now();
  const prepared = await prepare(system, request);
  const { executable, step } = prepared;
  const run = await withPlan(prepared, request, began);
  const dir = request.runDir;
  const { config, model, plan } = run;
  const reduce = config.schedule.kind === "plateau" ? (config.schedule.patience ?? 3) : undefined;
  const history = historyWriter(dir);
  const source = threadedBatches(prepared.training, batchPlan(run));
  const threads = run.threads ?? undefined;
  let lastMetrics: Readonly<Record<string, number>> = {};
  let score: number | undefined;
  const budget = plan.minutes === null ? Number.POSITIVE_INFINITY : plan.minutes * 60 * 1.1;
  const sitting = performance.now();
  const before = prepared.progress.step;

  try {
    const result = await train({
      executable,
      step,
      state: prepared.state,
      progress: prepared.progress,
      totalSteps: plan.totalSteps!,
      stepsPerEpoch: plan.stepsPerEpoch,
      seed: run.seed,
      batches: source.batches,
      learningRate: (at, { scores }) =>
        config.optimizer.learningRate *
        scheduleFactor(
          config.schedule as Parameters<typeof scheduleFactor>[0],
          at,
          plan.totalSteps!,
          reduce === undefined
            ? 0
            : plateauReductions(
                scores.map((value) => -value),
                reduce,
              ),
        ),
      validateEvery: plan.validateEvery,
      ...(prepared.validation.length === 0
        ? {}
        : {
            validate: async (state) => {
              const open = await networkOfState(config, model, state, threads);
              const found = await validate(open, prepared.validation);
              await open.network.executable.dispose();
              if (score === undefined || found.score > score) lastMetrics = found.metrics;
              score = found.score;
              return found;
            },
          }),
      ...(config.patience === null ? {} : { patience: config.patience }),
      saveEvery: plan.saveEvery,
      save: async (state, progress, best) => {
        await history.flush();
        if (best) await saveCheckpoint(paths.best(dir), state, progress);
        await saveCheckpoint(paths.last(dir), state, progress);
      },
      onRow: (row) => {
        history.write(row);
        const perStep = (performance.now() - sitting) / 1000 / (row.step - before);
        request.onProgress?.({
          step: row.step,
          totalSteps: plan.totalSteps!,
          epoch: row.epoch,
          loss: row.trainLoss!,
          ...(score === undefined ? {} : { score }),
          secondsLeft: perStep * (plan.totalSteps! - row.step),
        });
      },
      shouldStop: ({ seconds }) => (request.signal?.aborted ?? false) || seconds > budget,
    });
    await history.flush();
    if (result.stopped !== "asked" || result.progress.seconds > budget) await writeModel(dir, run);
    return {
      run: dir,
      steps: result.progress.step,
      seconds: result.progress.seconds,
      stopped: result.stopped,
      bestScore: result.progress.bestScore,
      bestStep: result.progress.bestStep,
      scores: lastMetrics,
      warnings: run.warnings,
    };
  } finally {
    await source.close();
    await executable.dispose();
  }
}

/** Write `model.onnx` from the best weights, or the last ones where nothing was validated. */
export async function writeModel(dir: string, run: Run, out = paths.model(dir)): Promise<number> {
  const checkpoint = await loadCheckpoint(paths.best(dir)).catch(() => loadCheckpoint(paths.last(dir)));
  const bytes = encodeNetwork(run.config, run.model, checkpoint.state);
  await nodeFiles.write(out, bytes);
  return bytes.length;
}

async function prepare(system: SegmentationSystem, request: TrainRequest): Promise<Prepared> {
  const note = (text: string): void =>
    request.onProgress?.({ step: 0, totalSteps: 0, epoch: 0, secondsLeft: 0, note: text });
  const presets = Object.keys(system.presets);
  const preset = request.preset ?? presets[0]!;
  const base = system.presets[preset];
  if (base === undefined)
    fail("not-found", {
      what: `${system.name} has no preset "${preset}"`,
      fix: `Presets: ${presets.join(", ")}`,
    });
  const changes =
    request.epochs === undefined ? request.set : { ...request.set, epochs: String(request.epochs) };
  const config = withChanges(base, changes);

  const old = request.resume ? await readRun(request.runDir) : undefined;
  if (old === undefined) await requireFreshFolder(request.runDir);
  const dataset = await openDataSet(request.dataDir);
  const split = foldOf(
    dataset,
    request.fold ?? 0,
    Math.min(request.folds ?? 5, subjectCount(dataset)),
    request.seed,
  );
  note(`reading ${split.train.length + split.validation.length} cases`);
  const trainCases = casesOf(dataset, split.train);
  const loaded = [];
  for (const one of trainCases) loaded.push(await loadLabelled(dataset, one));
  const spacingMm = resolveSpacing(
    config,
    loaded.map((one) => one.image),
  );
  const preparation = { normalization: config.normalization, spacingMm };
  const training = await prepareCases(loaded, trainCases, preparation);
  const validationCases = casesOf(dataset, split.validation);
  const validation = [];
  for (const one of validationCases)
    validation.push(...(await prepareCases([await loadLabelled(dataset, one)], [one], preparation)));

  const patch = resolvePatch(
    config,
    training.map(({ image }) => image.size),
  );
  const classes = dataset.labels.length + 1;
  const shape = { channels: dataset.channels.length, classes, patch };
  const classWeights = config.loss.balanceClasses
    ? balancedWeights(
        training.map(({ label }) => label),
        classes,
      )
    : undefined;
  const fitted = await fitMemory(config, (candidate) => segmentationStep(candidate, shape, classWeights));
  for (const text of fitted.warnings) note(text);

  const run: Run = {
    gyrus: version,
    system: system.name,
    preset,
    created: new Date().toISOString(),
    seed: request.seed,
    threads: request.threads ?? null,
    config: fitted.config,
    model: {
      system: system.name,
      preset,
      task: "segmentation",
      dimensions: config.dimensions,
      channels: [...dataset.channels],
      labels: dataset.labels.map((label) => ({ ...label })),
      labelValues: [...dataset.labelValues],
      patch: [...patch],
      margin: [...marginOf(config)],
      preparation: { ...preparation, spacingMm: spacingMm === null ? null : [...spacingMm] },
      overlap: config.overlap,
      mirrorAxes: [...augmentationOf(config).mirror.axes].filter(
        (axis) => augmentationOf(config).mirror.probability > 0 && axis < config.dimensions,
      ),
      simulated: await isSimulated(request.dataDir),
    },
    classWeights: classWeights ?? null,
    parameters: parameterCount(fitted.step.traced),
    data: {
      root: resolve(request.dataDir),
      kind: dataset.kind,
      name: dataset.name,
      cases: dataset.cases.length,
      subjects: subjectCount(dataset),
      stack: dataset.stack,
      sha256: (await fingerprint(dataset)).sha256,
      ...describeGrids(loaded.map((one) => one.image)),
    },
    split: JSON.parse(JSON.stringify(split)) as Run["split"],
    plan: {
      totalSteps: null,
      stepsPerEpoch:
        config.stepsPerEpoch === "auto"
          ? Math.ceil(training.length / fitted.config.batch)
          : config.stepsPerEpoch,
      validateEvery: 1,
      saveEvery: 1,
      minutes: request.minutes ?? null,
      secondsPerStep: null,
    },
    memory: { estimateBytes: fitted.estimateBytes, availableBytes: fitted.availableBytes },
    versions: { gyrus: version, node: process.versions.node, onnxruntime: engineVersion },
    machine: {
      cores: availableParallelism(),
      processor: cpus()[0]?.model.trim() ?? "unknown",
      platform: process.platform,
    },
    warnings: fitted.warnings,
  };
  const executable = await nodeCpu.compile(
    fitted.lowered,
    request.threads === undefined ? {} : { threads: request.threads },
  );
  const common = { training, validation, step: fitted.step, executable };
  if (old !== undefined) {
    requireSameRun(old, run, request.runDir);
    const checkpoint = await loadCheckpoint(paths.last(request.runDir)).catch(() => undefined);
    const progress = checkpoint?.progress ?? freshProgress;
    await truncateHistory(request.runDir, progress.step);
    const state = checkpoint?.state ?? fitted.step.initialize(rng(run.seed).split("initialize"));
    return { ...common, run: old, progress, state };
  }
  await createRunFolder(request.runDir);
  await writeRun(request.runDir, run);
  const state = fitted.step.initialize(rng(run.seed).split("initialize"));
  return { ...common, run, progress: freshProgress, state };
}

async function requireFreshFolder(dir: string): Promise<void> {
  const entries = await nodeFiles.list(dir);
  if (entries !== undefined && entries.length > 0) await createRunFolder(dir);
}

function subjectCount(dataset: DataSet): number {
  return new Set(dataset.cases.map(({ subject }) => subject)).size;
}

/** Whether a data set says of itself that it is simulated: `GeneratedBy` Gyrus in its description. */
async function isSimulated(dir: string): Promise<boolean> {
  const text = await nodeFiles.read(`${dir}/dataset_description.json`).catch(() => undefined);
  return text !== undefined && /simulated/i.test(new TextDecoder().decode(text));
}

/** A resumed run goes on with what it began with; throws `bad-argument` that names the first difference. */
function requireSameRun(old: Run, now: Run, dir: string): void {
  const pick = ({ system, preset, seed, config, model, data, split }: Run): Record<string, unknown> => ({
    system,
    preset,
    seed,
    config,
    patch: model.patch,
    preparation: model.preparation,
    data: data.sha256,
    split,
  });
  const [before, after] = [pick(old), pick(now)];
  for (const key of Object.keys(before)) {
    const [found, expected] = [JSON.stringify(after[key]), JSON.stringify(before[key])];
    if (found !== expected)
      fail("bad-argument", {
        what: `the run was begun with another ${key === "data" ? "content of the data set" : key}`,
        where: dir,
        expected: expected.slice(0, 300),
        found: found.slice(0, 300),
        fix: "Resume with the options that the run was begun with, or start a new run with another --out",
      });
  }
}

/** Halve the batch until the step fits into memory; refuse when one sample does not. */
async function fitMemory(config: SegmentationConfig, build: (config: SegmentationConfig) => Step) {
  const availableBytes = process.availableMemory();
  const warnings: string[] = [];
  let candidate = config;
  for (;;) {
    const step = build(candidate);
    const lowered = lower(step.program, cpu);
    const estimate = estimateBytes(lowered);
    if (estimate <= availableBytes)
      return { config: candidate, step, lowered, warnings, estimateBytes: estimate, availableBytes };
    const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
    if (candidate.batch === 1)
      fail("memory", {
        what: "a training step with one sample does not fit into memory",
        expected: `at most ${gib(availableBytes)}`,
        found: `an estimate of ${gib(estimate)}`,
        fix: "Choose a smaller preset or patch, e.g. --preset tiny or --set patch=32,32,32",
      });
    const batch = Math.floor(candidate.batch / 2);
    warnings.push(
      `batch ${candidate.batch} needs about ${gib(estimate)} of ${gib(availableBytes)}: lowered to ${batch}`,
    );
    candidate = { ...candidate, batch };
  }
}

function batchPlan({ seed, config, model, classWeights }: Run): BatchPlan {
  return {
    seed,
    batch: config.batch,
    patch: model.patch,
    dimensions: config.dimensions,
    augmentation: augmentationOf(config),
    foreground: config.foreground,
    border: config.loss.border,
    classWeights,
  };
}

/** Fix the number of steps: from epochs, or by measuring what the given minutes allow. Recorded before the first step. */
async function withPlan(prepared: Prepared, request: TrainRequest, began: number): Promise<Run> {
  const { run, executable, step, validation, training } = prepared;
  if (run.plan.totalSteps !== null) return run;
  const { config, plan } = run;
  let totalSteps = config.epochs * plan.stepsPerEpoch;
  let secondsPerStep: number | null = null;
  let { validations } = config;
  if (plan.minutes !== null) {
    const measured = await measure({ executable, step, training, validation, run, state: prepared.state });
    secondsPerStep = measured.secondsPerStep;
    const left = plan.minutes * 60 - (performance.now() - began) / 1000;
    // Validation may take a tenth of the time, the rest of it is steps; three hundredths are kept for saving.
    validations = Math.max(
      1,
      Math.min(validations, Math.floor((0.1 * left) / Math.max(1e-3, measured.secondsPerValidation))),
    );
    totalSteps = Math.max(
      1,
      Math.floor((left * 0.97 - validations * measured.secondsPerValidation) / secondsPerStep),
    );
  }
  const stateBytes = Object.values(prepared.state).reduce((sum, value) => sum + bytesOf(value), 0);
  const validateEvery = Math.max(1, Math.ceil(totalSteps / validations));
  // A checkpoint costs about a second per 200 MB: keep that under a few percent of the steps between two.
  const saveEvery = Math.max(1, Math.min(validateEvery, stateBytes > 100e6 ? 100 : 25));
  const planned: Run = { ...run, plan: { ...plan, totalSteps, secondsPerStep, validateEvery, saveEvery } };
  await writeRun(request.runDir, planned);
  return planned;
}

/** Time of a step and of a validation, from a few steps whose results are thrown away. */
async function measure({ executable, step, training, validation, run, state }: Omit<Prepared, "progress">) {
  const source = threadedBatches(training, batchPlan(run));
  const rows: number[] = [];
  const steps = 8;
  await train({
    executable,
    step,
    state,
    totalSteps: steps,
    stepsPerEpoch: steps,
    seed: run.seed,
    batches: source.batches,
    learningRate: () => 0,
    saveEvery: steps + 1,
    save: async () => undefined,
    onRow: ({ seconds }) => rows.push(seconds),
  });
  await source.close();
  const times = rows
    .slice(1)
    .map((seconds, at) => seconds - rows[at]!)
    .slice(1)
    .sort((a, b) => a - b);
  const secondsPerStep = times[times.length >> 1]!;
  if (validation.length === 0) return { secondsPerStep, secondsPerValidation: 0 };
  const began = performance.now();
  const open = await networkOfState(run.config, run.model, state, run.threads ?? undefined);
  const opened = performance.now();
  const some = validation.slice(0, 3);
  await validate(open, some);
  await open.network.executable.dispose();
  const perCase = (performance.now() - opened) / 1000 / some.length;
  return { secondsPerStep, secondsPerValidation: (opened - began) / 1000 + perCase * validation.length };
}
