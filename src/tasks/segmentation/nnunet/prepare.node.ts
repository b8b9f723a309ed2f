import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { GyrusError } from "../../../core/errors.js";
import { openPool } from "../../../core/pool.node.js";
import type { Case, DataSet } from "../../../io/dataset.js";
import { sha256 } from "../../../io/fingerprint.js";
import { loadCase, nodeFiles } from "../../../io/node.js";
import { peekVolumeFrom } from "../../../io/peek.js";
import { spacingMm } from "../../../volume/affine.js";
import { canonicalGrid } from "../../../volume/orient.js";
import { voxelCount } from "../../../volume/volume.js";
import { caseReadingBytes, limitsOf, type WorkOptions } from "./facts.node.js";
import { type Configuration, type ConfigurationName, configurationOf, type Plan } from "./plan.js";
import { decodePrepared, encodePrepared, hashText, type Provenance, recipeHash } from "./prepared-file.js";
import { type PreparedCase, prepareCase } from "./preprocess.js";
import { type Piece, runWithin } from "./schedule.js";

interface Setup {
  readonly dataset: Pick<DataSet, "channels" | "labelValues">;
  readonly plan: Plan;
  readonly configuration: Configuration;
  readonly recipe: string;
}

interface Task {
  readonly one: Case;
  readonly path: string;
}

/** What became of one case. */
export interface PreparedFile {
  readonly id: string;
  readonly path: string;
  /** False where a file from before had the right content. */
  readonly made: boolean;
}

/** Where prepared cases of a configuration lie; a cascade uses those of the full resolution. */
export function preparedFolder(dir: string, name: ConfigurationName): string {
  return join(dir, name === "3d_cascade_fullres" ? "3d_fullres" : name);
}

/**
 * Prepare all cases of a data set for one configuration of its plan into `dir`, one file a case, each written whole or
 * not at all. A file whose input bytes, plan and content hashes are right is kept, so an interrupted run goes on
 * where it was, and the bytes are the same for any number of threads. Throws `memory` before the start when one case
 * alone would not fit, and whatever is wrong with a case, by its file.
 */
export async function prepareDataSet(
  dataset: DataSet,
  plan: Plan,
  name: ConfigurationName,
  dir: string,
  options: WorkOptions = {},
): Promise<PreparedFile[]> {
  const configuration = configurationOf(plan, name);
  const folder = preparedFolder(dir, name);
  const limits = limitsOf(options, dataset.cases.length);
  const pieces: Piece<Task>[] = [];
  for (const one of dataset.cases)
    pieces.push({
      task: { one, path: join(folder, `${one.id}.safetensors`) },
      name: one.id,
      bytes: await preparingBytes(one, configuration, plan),
    });
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder);
  const setup: Setup = {
    dataset: { channels: dataset.channels, labelValues: dataset.labelValues },
    plan,
    configuration,
    recipe: await recipeHash(plan, configuration),
  };
  const pool = await openPool<Setup, Task, PreparedFile>(new URL(import.meta.url), setup, limits.most);
  try {
    return await runWithin(pieces, pool.run, limits, (done, id) =>
      options.onProgress?.(done, pieces.length, id),
    );
  } finally {
    await pool.close();
  }
}

/** Read a prepared case, checked against the hash it was written with. */
export async function readPrepared(path: string): Promise<PreparedCase> {
  return decodePrepared(await nodeFiles.read(path), path);
}

/** What a thread does: see `openPool`. */
export function start({
  dataset,
  plan,
  configuration,
  recipe,
}: Setup): (task: Task) => Promise<PreparedFile> {
  return async ({ one, path }) => {
    const provenance: Provenance = { inputs: await inputHash(one), recipe };
    if (await isUpToDate(path, provenance)) return { id: one.id, path, made: false };
    const prepared = prepareCase(await loadCase(dataset, one), plan, configuration);
    await nodeFiles.write(path, await encodePrepared(prepared, provenance));
    return { id: one.id, path, made: true };
  };
}

async function inputHash({ images, label }: Case): Promise<string> {
  const parts: string[] = [];
  for (const path of images) parts.push(`image ${await sha256(await nodeFiles.read(path))}`);
  if (label !== undefined) parts.push(`label ${await sha256(await nodeFiles.read(label))}`);
  return hashText(parts.join("\n"));
}

async function isUpToDate(path: string, { inputs, recipe }: Provenance): Promise<boolean> {
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  if (!there) return false;
  try {
    const { provenance } = await decodePrepared(await nodeFiles.read(path), path);
    return provenance.inputs === inputs && provenance.recipe === recipe;
  } catch (error) {
    // Damaged since: it is made again.
    if (error instanceof GyrusError && error.kind === "bad-file") return false;
    throw error;
  }
}

/** Files that a killed run was in the middle of writing. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (/\.safetensors\.[0-9a-f]+\.part$/.test(name)) await rm(join(folder, name), { force: true });
}

/**
 * Bytes at the peak of preparing a case: what reading takes, or the cropped and the resampled image at once, with one
 * channel in between, and the file's bytes. Nothing is known yet of the crop, so the whole image counts.
 */
async function preparingBytes(one: Case, configuration: Configuration, plan: Plan): Promise<number> {
  const peeked = await peekVolumeFrom(nodeFiles, one.images[0]!);
  const grid = canonicalGrid(peeked);
  const before = voxelCount(grid.size);
  const mm = spacingMm(grid.affine);
  const targetMm = plan.axes.map((axis, at) => {
    const along = configuration.spacingMm[at - (3 - configuration.dimensions)];
    return { axis, mm: along ?? mm[axis]! };
  });
  const after = targetMm.reduce(
    (total, { axis, mm: target }) => total * ((grid.size[axis]! * mm[axis]!) / target),
    1,
  );
  const channels = plan.channels.length;
  const resampled =
    4 * channels * (before + 2 * after) + 3 * 4 * Math.max(before, after) + 4 * (before + after);
  return Math.max(await caseReadingBytes(one), resampled + 4 * channels * before) + 32e6;
}
