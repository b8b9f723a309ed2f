import { fail, GyrusError } from "../../../core/errors.js";
import { openPool } from "../../../core/pool.node.js";
import { nodeFiles } from "../../../io/node.js";
import type { Batch } from "../../../train/loop.js";
import { type ImageVolume, type LabelVolume, voxelCount } from "../../../volume/volume.js";
import { gib, peakBytes } from "../../memory.node.js";
import { type BatchPlan, casesAt, makeBatch, type NnunetCase } from "./batches.js";
import { stageMaps } from "./ensemble.js";
import { readHeldOut } from "./held-out.js";
import { filledMask } from "./mask.js";
import type { Plan } from "./plan.js";
import { readPrepared } from "./prepare.node.js";
import type { PreparedCase } from "./preprocess.js";

/** A case on disk: its prepared file and, for a cascade, what the stage before said of it without having seen it. */
export interface CaseFile {
  readonly id: string;
  readonly path: string;
  readonly previous?: string;
}

/** Patches of some cases. */
export interface PatchSource {
  readonly files: readonly CaseFile[];
  readonly plan: BatchPlan;
}

interface Setup {
  readonly training: PatchSource;
  readonly validation: PatchSource;
  readonly plan: Pick<Plan, "dataset" | "resampling">;
  /** Bytes of prepared cases that may stay in memory. */
  readonly bytes: number;
}

interface Task {
  readonly of: "training" | "validation";
  readonly step: number;
}

/** Batches of the training and of the held-out cases, made on a thread that reads prepared files and keeps what fits. */
export interface NnunetBatches {
  batch(of: Task["of"], step: number): Promise<Batch>;
  close(): Promise<void>;
}

export async function openBatches(setup: Setup): Promise<NnunetBatches> {
  const pool = await openPool<Setup, Task, Batch>(new URL(import.meta.url), setup, 1);
  return {
    batch: (of, step) => pool.run({ of, step }).catch((error: unknown) => fail(...explained(error))),
    close: () => pool.close(),
  };
}

/** A thread that stopped says why, instead of that it is no longer alive. */
function explained(error: unknown): Parameters<typeof fail> {
  if (error instanceof GyrusError) return [error.kind, error.details];
  const message = error instanceof Error ? error.message : String(error);
  const memory = /memory|allocation|heap/i.test(message);
  return [
    memory ? "memory" : "runtime",
    {
      what: "the thread that makes batches stopped",
      found: `${message}; the process had held ${gib(peakBytes())} at its peak`,
      fix: memory
        ? "Close other programs and go on with --resume; a smaller patch or batch takes less"
        : "Go on with --resume. If it happens again, please report it",
      cause: error,
    },
  ];
}

/** What the thread does: see `openPool`. */
export function start(setup: Setup): (task: Task) => Promise<Batch> {
  const caseOf = keptCases(setup);
  return async ({ of, step }) => {
    const { files, plan } = setup[of];
    const cases: NnunetCase[] = [];
    for (const index of casesAt(plan, files.length, step)) cases.push(await caseOf(files[index]!));
    return makeBatch(plan, step, cases);
  };
}

/** Cases by file; those used longest ago are forgotten when memory is short. */
function keptCases({ bytes, plan, training }: Setup): (file: CaseFile) => Promise<NnunetCase> {
  const masked = training.plan.masked.length > 0;
  const kept = new Map<string, { readonly value: NnunetCase; readonly bytes: number }>();
  let held = 0;
  return async (file) => {
    const known = kept.get(file.path);
    if (known !== undefined) {
      // Maps keep the order of insertion: put last, it is forgotten last.
      kept.delete(file.path);
      kept.set(file.path, known);
      return known.value;
    }
    const value = await readCase(file, plan, masked);
    const size = bytesOfCase(value);
    kept.set(file.path, { value, bytes: size });
    held += size;
    for (const [path, { bytes: freed }] of kept) {
      if (held <= bytes || path === file.path) break;
      kept.delete(path);
      held -= freed;
    }
    return value;
  };
}

async function readCase(
  { id, path, previous }: CaseFile,
  plan: Setup["plan"],
  masked: boolean,
): Promise<NnunetCase> {
  const prepared = await readPrepared(path);
  const { image, label, locations = [] } = prepared;
  // Cases without a label are in no fold.
  const mask = masked ? { mask: maskOf(image) } : {};
  const common = { id, image, label: label!, locations, ...mask };
  if (previous === undefined) return common;
  return { ...common, previous: await readPrevious(previous, prepared, plan) };
}

function maskOf(image: ImageVolume): LabelVolume {
  return { size: image.size, affine: image.affine, channels: 1, data: filledMask(image) };
}

/** What the stage before found, as classes on the grid of this one. */
async function readPrevious(
  path: string,
  { image, geometry }: PreparedCase,
  plan: Setup["plan"],
): Promise<LabelVolume> {
  const coarse = await readHeldOut(nodeFiles, path);
  const maps = stageMaps({ ...coarse, plan }, geometry);
  const voxels = voxelCount(image.size);
  const data = new Uint8Array(voxels);
  for (let at = 0; at < maps.length; at++)
    if (maps[at] === 1) data[at % voxels] = 1 + Math.floor(at / voxels);
  return { data, size: image.size, affine: image.affine, channels: 1 };
}

function bytesOfCase({ image, label, locations, previous, mask }: NnunetCase): number {
  const arrays = [image.data, label.data, previous?.data, mask?.data, ...locations];
  return arrays.reduce((sum, array) => sum + (array?.byteLength ?? 0), 0);
}
