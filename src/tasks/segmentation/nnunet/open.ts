import { fail } from "../../../core/errors.js";
import type { Tensor } from "../../../core/tensor.js";
import { readModel } from "../../../graph/onnx/model.js";
import type { FileSystem } from "../../../io/files.js";
import { sha256 } from "../../../io/fingerprint.js";
import { type Lowered, lower } from "../../../lower/lower.js";
import type { CompileOptions, Engine } from "../../../runtime/engine.js";
import type { PatchNetwork } from "../sliding.js";
import type { NnunetModel } from "./model.js";
import type { ConfigurationName } from "./plan.js";
import { patchNetwork, predictingProgram } from "./predicting.js";
import { type PredictorPlan, stageOrder } from "./predictor.js";
import { findPredictor, type PredictorSource } from "./source.js";
import type { Lend } from "./windows.js";

export interface OpenOptions extends CompileOptions {
  /**
   * Keep every network open from the first scan to the last. Otherwise each is opened for its turn and closed again,
   * which takes the memory of one. Default: keep.
   */
  readonly keepOpen?: boolean;
}

/** The networks of one configuration, ready to be lent. */
export interface OpenStage {
  readonly model: NnunetModel;
  readonly networks: readonly Lend[];
}

/** A predictor that is ready for scans. Close it when there are no more. */
export interface Predictor {
  readonly plan: PredictorPlan;
  /** Hash of all that decides a prediction beside the scan: the plan's, and the networks' bytes. */
  readonly identity: string;
  /** What was left out, in words: folds that are not trained yet. */
  readonly notes: readonly string[];
  readonly stages: ReadonlyMap<ConfigurationName, OpenStage>;
  close(): Promise<void>;
}

/**
 * Open a predictor: a folder of `gyrus export`, an experiment or a fold of `gyrus train nnunet`, or one `.onnx` file of
 * such a fold, on any engine, from any files: disk in Node, chosen files in a browser. Weights are taken from the `.onnx`
 * files and lowered for the engine, so that an export computes what the experiment does, bit for bit.
 */
export async function openPredictor(
  files: FileSystem,
  path: string,
  engine: Engine,
  options: OpenOptions = {},
): Promise<Predictor> {
  return openSource(files, await findPredictor(files, path), engine, options);
}

/** Open what `findPredictor` found. */
export async function openSource(
  files: FileSystem,
  { plan, notes }: PredictorSource,
  engine: Engine,
  options: OpenOptions = {},
): Promise<Predictor> {
  const closers: (() => Promise<void>)[] = [];
  const stages = new Map<ConfigurationName, OpenStage>();
  const hashes: string[] = [];
  for (const name of stageOrder(plan)) {
    const { model, files: paths } = plan.stages[name]!;
    const networks: Lend[] = [];
    for (const file of paths) {
      hashes.push(`${name} ${await sha256(await files.read(file))}`);
      const { lend, close } = lending(() => openNetworkOf(files, file, model, engine, options), options);
      networks.push(lend);
      closers.push(close);
    }
    stages.set(name, { model, networks });
  }
  return {
    plan,
    notes,
    identity: await sha256(new TextEncoder().encode(`${deciding(plan)}\n${hashes.join("\n")}`)),
    stages,
    close: async () => {
      for (const close of closers) await close();
    },
  };
}

/** What of a plan decides a prediction; not where files lie, nor who wrote it. */
function deciding({ stages, ensemble, postprocessing }: PredictorPlan): string {
  const models = Object.entries(stages).map(([name, stage]) => [name, stage?.model]);
  return JSON.stringify([models, ensemble, postprocessing]);
}

/** Opened when it is first asked for; kept until the end or for one turn. */
function lending(
  open: () => Promise<PatchNetwork>,
  { keepOpen = true }: OpenOptions,
): { readonly lend: Lend; readonly close: () => Promise<void> } {
  let opened: Promise<PatchNetwork> | undefined;
  const close = async (): Promise<void> => {
    const closing = opened;
    opened = undefined;
    await (await closing)?.executable.dispose();
  };
  return {
    lend: async (use) => {
      opened ??= open();
      try {
        return await use(await opened);
      } finally {
        if (!keepOpen) await close();
      }
    },
    close,
  };
}

async function openNetworkOf(
  files: FileSystem,
  path: string,
  model: NnunetModel,
  engine: Engine,
  { threads, profilePrefix }: OpenOptions,
): Promise<PatchNetwork> {
  const lowered = lower(
    predictingProgram(model),
    await engine.target(),
    await readWeights(files, path, model),
  );
  const options = {
    ...(threads === undefined ? {} : { threads }),
    ...(profilePrefix === undefined ? {} : { profilePrefix }),
  };
  return patchNetwork(model, await engine.compile(lowered, options));
}

/** The network of an `.onnx` file, spelled for an engine. */
export async function lowerNetwork(
  files: FileSystem,
  path: string,
  model: NnunetModel,
  engine: Engine,
): Promise<Lowered> {
  return lower(predictingProgram(model), await engine.target(), await readWeights(files, path, model));
}

/** The weights in an `.onnx` file, by their names in the network. Throws `bad-file` where one is not there. */
async function readWeights(
  files: FileSystem,
  path: string,
  model: NnunetModel,
): Promise<Record<string, Tensor>> {
  const { initializers } = readModel(await files.read(path), path);
  const weights: Record<string, Tensor> = {};
  for (const [name, { shape }] of Object.entries(predictingProgram(model).inputs)) {
    if (name === "image") continue;
    const found = initializers[name];
    if (found === undefined || found.shape.join() !== shape.join())
      fail("bad-file", {
        what: "the network's weights are not those of its plan",
        where: path,
        expected: `${name} of ${shape.join("x")}`,
        found: found === undefined ? "none" : found.shape.join("x"),
        fix: "Use the files as gyrus export wrote them; models changed by other programs are not read",
      });
    weights[name] = found;
  }
  return weights;
}
