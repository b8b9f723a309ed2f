import { stat } from "node:fs/promises";
import { fail } from "../../../core/errors.js";
import { openPool } from "../../../core/pool.node.js";
import { loadLabelFrom } from "../../../io/case.js";
import type { Case, DataSet } from "../../../io/dataset.js";
import { nodeFiles } from "../../../io/node.js";
import { peekVolumeFrom } from "../../../io/peek.js";
import type { CaseScore } from "../../../metrics/summary.js";
import { type LabelVolume, voxelCount } from "../../../volume/volume.js";
import { bytesRestored, restoredOnce } from "./candidates.js";
import { combineOpinions, type Opinion } from "./ensemble.js";
import { limitsOf, type WorkOptions } from "./facts.node.js";
import { heldOutPart, readHeldOut } from "./held-out.js";
import { experimentPaths, foldPaths } from "./layout.js";
import type { ConfigurationName, Plan } from "./plan.js";
import { type Postprocessing, postprocess } from "./postprocess.js";
import { type Piece, runWithin } from "./schedule.js";
import { scoreCase } from "./score.js";
import { diceOfCase } from "./scores.js";

/** A way to make label maps of what configurations say. */
export interface Variant {
  readonly ensemble: readonly ConfigurationName[];
  readonly steps: Postprocessing;
}

/** A held-out case and the fold whose networks have not seen it. */
export interface HeldOutCase {
  readonly one: Case;
  readonly fold: number;
}

/** What all cases have in common. */
export interface CrossValidated {
  readonly dir: string;
  readonly dataset: Pick<DataSet, "labelValues">;
  /** The plans that the configurations were trained with. */
  readonly plans: Readonly<Partial<Record<ConfigurationName, Plan>>>;
}

interface Task extends HeldOutCase {
  readonly variants: readonly Variant[];
  /** All scores of the first variant, or Dice of every one. */
  readonly full: boolean;
}

/** Of one case: Dice of every target for every variant, or all scores of one variant. */
interface Found {
  readonly dice: readonly (readonly (number | null)[])[];
  readonly scores?: CaseScore;
}

/**
 * Dice of every target of held-out cases for every variant: `[variant][case][target]`, each made of what networks that
 * never saw the case said of it. Cases run on several threads within the memory; the order changes nothing.
 */
export async function diceOfVariants(
  setup: CrossValidated,
  cases: readonly HeldOutCase[],
  variants: readonly Variant[],
  options: WorkOptions = {},
): Promise<(readonly (number | null)[])[][]> {
  const found = await overCases(setup, cases, variants, false, options);
  return variants.map((_, at) => found.map(({ dice }) => dice[at]!));
}

/** All scores of held-out cases for one variant. */
export async function scoresOfVariant(
  setup: CrossValidated,
  cases: readonly HeldOutCase[],
  variant: Variant,
  options: WorkOptions = {},
): Promise<CaseScore[]> {
  const found = await overCases(setup, cases, [variant], true, options);
  return found.map(({ scores }) => scores!);
}

async function overCases(
  setup: CrossValidated,
  cases: readonly HeldOutCase[],
  variants: readonly Variant[],
  full: boolean,
  options: WorkOptions,
): Promise<Found[]> {
  const limits = limitsOf(options, cases.length);
  const pieces: Piece<Task>[] = [];
  for (const held of cases)
    pieces.push({
      task: { ...held, variants, full },
      name: held.one.id,
      bytes: await bytesOfCase(setup, held, variants),
    });
  const pool = await openPool<CrossValidated, Task, Found>(new URL(import.meta.url), setup, limits.most);
  try {
    return await runWithin(pieces, pool.run, limits, (done, name) =>
      options.onProgress?.(done, pieces.length, name),
    );
  } catch (error) {
    if (!options.signal?.aborted) throw error;
    return fail("runtime", { what: "interrupted; nothing was written", fix: "Give the same command again" });
  } finally {
    await pool.close();
  }
}

function configurationsOf(variants: readonly Variant[]): ConfigurationName[] {
  return [...new Set(variants.flatMap(({ ensemble }) => ensemble))];
}

/**
 * Bytes that a case takes: what configurations say of it while it is read, the same on the scan's own voxels where
 * several are compared, however coarse the grids that they were made on, and a few maps of the scan.
 */
export async function bytesOfCase(
  { dir, plans }: Pick<CrossValidated, "dir" | "plans">,
  held: HeldOutCase,
  variants: readonly Variant[],
): Promise<number> {
  const { label, images } = held.one;
  const voxels = voxelCount((await peekVolumeFrom(nodeFiles, label ?? images[0]!)).size);
  const names = configurationsOf(variants);
  let [kept, largest, outputs] = [0, 0, 0];
  for (const name of names) {
    const bytes = await bytesOfFiles(heldOutPath(dir, name, held));
    kept += bytes;
    largest = Math.max(largest, bytes);
    const { regions, classes } = plans[name]!.dataset;
    outputs += regions?.length ?? classes.length;
  }
  return 32e6 + 24 * voxels + kept + 2 * largest + bytesRestored(names.length, outputs * voxels);
}

/** Bytes of a case's file or files. */
async function bytesOfFiles(path: string): Promise<number> {
  const first = await stat(path).catch((cause: unknown) =>
    fail("not-found", {
      what: "what the fold says of this held-out case is missing",
      where: path,
      fix: "Train the fold with --resume: what is missing is predicted again",
      cause,
    }),
  );
  let { size } = first;
  for (let part = 1; ; part++) {
    const more = await stat(heldOutPart(path, part)).catch(() => undefined);
    if (more === undefined) return size;
    size += more.size;
  }
}

function heldOutPath(dir: string, name: ConfigurationName, { one, fold }: HeldOutCase): string {
  return foldPaths.heldOutCase(experimentPaths.fold(dir, name, fold), one.id);
}

/** What a thread does: see `openPool`. */
export function start(setup: CrossValidated): (task: Task) => Promise<Found> {
  return async ({ variants, full, ...held }) => {
    const opinions = await opinionsOn(setup, held, configurationsOf(variants));
    const restored = restoredOnce(opinions);
    const [first] = opinions.values();
    const { dataset } = setup.plans[variants[0]!.ensemble[0]!]!;
    const truth = await labelOf(held.one, first!, setup.dataset);
    const maps = mapsOf(variants, restored);
    if (!full) return { dice: maps.map((map) => diceOfCase(truth, map, dataset)) };
    const { id, subject } = held.one;
    return { dice: [], scores: scoreCase({ case: id, subject }, truth, maps[0]!, dataset) };
  };
}

/** The label map of one held-out case. */
export async function labelMapOf(
  setup: CrossValidated,
  held: HeldOutCase,
  { ensemble, steps }: Variant,
): Promise<LabelVolume> {
  const opinions = await opinionsOn(setup, held, ensemble);
  return postprocess(combineOpinions([...opinions.values()]), steps);
}

async function opinionsOn(
  { dir, plans }: CrossValidated,
  held: HeldOutCase,
  names: readonly ConfigurationName[],
): Promise<Map<ConfigurationName, Opinion>> {
  const opinions = new Map<ConfigurationName, Opinion>();
  for (const name of names) {
    const plan = plans[name];
    if (plan === undefined) return fail("not-found", { what: `there is no plan of ${name}`, where: dir });
    opinions.set(name, { ...(await readHeldOut(nodeFiles, heldOutPath(dir, name, held))), plan });
  }
  return opinions;
}

/** The label map of every variant; those that share an ensemble share its map. */
function mapsOf(
  variants: readonly Variant[],
  opinions: ReadonlyMap<ConfigurationName, Opinion>,
): LabelVolume[] {
  const plain = new Map<string, LabelVolume>();
  return variants.map(({ ensemble, steps }) => {
    const key = ensemble.join();
    const map = plain.get(key) ?? combineOpinions(ensemble.map((name) => opinions.get(name)!));
    plain.set(key, map);
    return postprocess(map, steps);
  });
}

async function labelOf(
  one: Case,
  { geometry: { size, affine } }: Opinion,
  { labelValues }: CrossValidated["dataset"],
): Promise<LabelVolume> {
  if (one.label === undefined)
    fail("bad-data", {
      what: "the case has no label any more",
      where: one.images[0],
      fix: "Restore its file",
    });
  return loadLabelFrom(nodeFiles, one.label, { size, affine }, labelValues, one.images[0]!);
}
