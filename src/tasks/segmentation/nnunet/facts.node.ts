import { availableParallelism } from "node:os";
import { fail } from "../../../core/errors.js";
import { openPool } from "../../../core/pool.node.js";
import type { Case, DataSet } from "../../../io/dataset.js";
import { loadCase, nodeFiles } from "../../../io/node.js";
import { peekVolumeFrom, readingBytes } from "../../../io/peek.js";
import { peakBytes } from "../../memory.node.js";
import { type CaseFacts, caseFacts, type DataFingerprint, dataFingerprint } from "./fingerprint.js";
import { type Piece, runWithin } from "./schedule.js";

/** How work on cases is spread. */
export interface WorkOptions {
  /** Threads; default: one for every processor. */
  readonly workers?: number;
  /** Bytes that all threads together may take; default: three quarters of what is free. */
  readonly memoryBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, name: string) => void;
}

type Setup = Pick<DataSet, "channels" | "labelValues" | "ignoredClass">;

/** What Node and this package take before any case is read. */
const baseBytes = 100e6;

/** Memory and threads with what was not said filled in. */
export function limitsOf({ workers, memoryBytes, signal }: WorkOptions, pieces: number) {
  const most = Math.max(1, Math.min(workers ?? availableParallelism(), pieces));
  return {
    most,
    peakBytes,
    bytes: Math.max(0, (memoryBytes ?? 0.75 * process.availableMemory()) - baseBytes),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** Bytes that a case takes while its files are read, from their headers. */
export async function caseReadingBytes({ images, label }: Case): Promise<number> {
  const paths = label === undefined ? images : [...images, label];
  let sum = 0;
  for (const path of paths) sum += readingBytes(await peekVolumeFrom(nodeFiles, path));
  return sum;
}

/**
 * The fingerprint of a data set: every case with a label is read, checked and measured, several at a time within the
 * memory; the order of threads changes nothing. Facts come along, for fingerprints of single folds.
 */
export async function measureDataSet(
  dataset: DataSet,
  options: WorkOptions = {},
): Promise<{ readonly fingerprint: DataFingerprint; readonly facts: readonly CaseFacts[] }> {
  const cases = dataset.cases.filter(({ label }) => label !== undefined);
  const limits = limitsOf(options, cases.length);
  const pieces: Piece<Case>[] = [];
  // The foreground's values, of one channel at a time, come on top; they are never more than the image.
  for (const one of cases)
    pieces.push({ task: one, name: one.id, bytes: 1.5 * (await caseReadingBytes(one)) });
  const { channels, labelValues, ignoredClass } = dataset;
  const setup: Setup = { channels, labelValues, ...(ignoredClass === undefined ? {} : { ignoredClass }) };
  const pool = await openPool<Setup, Case, CaseFacts>(new URL(import.meta.url), setup, limits.most);
  try {
    const facts = await runWithin(pieces, pool.run, limits, (done, name) =>
      options.onProgress?.(done, pieces.length, name),
    );
    requireForeground(facts, dataset);
    return { fingerprint: dataFingerprint(facts, channels), facts };
  } finally {
    await pool.close();
  }
}

/** Networks that learn from nothing but background end with a Dice of 0, without a word. */
function requireForeground(facts: readonly CaseFacts[], { root, labels, cases }: DataSet): void {
  if (facts.length === 0 || facts.some(({ foreground }) => foreground !== null)) return;
  fail("bad-data", {
    what: "no case has a voxel with a label",
    where: root,
    expected: `label maps that hold ${labels.map(({ name }) => name).join(", ")}`,
    found: `only background in all ${facts.length}, as in ${cases.find(({ label }) => label)!.label}`,
    fix: "Look at the label maps; were they rounded, or made for another image?",
  });
}

/** What a thread does: see `openPool`. */
export function start(dataset: Setup): (one: Case) => Promise<CaseFacts> {
  return async (one) => caseFacts(await loadCase(dataset, one), dataset.ignoredClass);
}
