import { rm } from "node:fs/promises";
import { sha256 } from "../../io/fingerprint.js";
import type { Device } from "../../runtime/engine.js";
import type { ImageVolume, Volume } from "../../volume/volume.js";
import { trainRun } from "../train.node.js";
import type { TrainProgress, TrainSummary } from "../verbs.js";
import { superresolve } from "./apply.js";
import type { SuperresolutionConfig } from "./config.js";
import { openModelAt } from "./network.node.js";
import { dataOfScan, prepare } from "./setup.node.js";

export interface SuperresolveScanRequest {
  readonly scan: ImageVolume;
  /** The scan's file, for messages and for the record. */
  readonly path: string;
  readonly preset: string;
  readonly config: SuperresolutionConfig;
  readonly seed: number;
  /** Where the training is kept: a new folder, or with `resume` the one to go on with. */
  readonly runDir: string;
  /** Remove the run folder when the result is there. Default false. */
  readonly discardRun?: boolean;
  readonly resume?: boolean;
  readonly minutes?: number | undefined;
  readonly threads?: number | undefined;
  readonly device?: Device | undefined;
  /** On the scan's grid: pairs are drawn where it is not 0. */
  readonly mask?: Volume | undefined;
  /** Go on where the voxels are cubes already. */
  readonly force?: boolean;
  /** Aborted: the training is saved where it is, to be resumed; once it is over, what is resumed is its application. */
  readonly signal?: AbortSignal;
  onTraining?(progress: TrainProgress): void;
  /** The share of the scan that the networks have been applied to. */
  onApplying?(share: number): void;
}

export interface SuperresolvedScan {
  /** Absent where it was interrupted. */
  readonly image?: ImageVolume;
  readonly training: TrainSummary;
}

/**
 * SMORE from scan to result: train on the scan itself, into a run folder, and apply. Interrupted it goes on with
 * `resume`, with the bits of one that was not. Throws what `planScan`, `trainRun` and `superresolve` do.
 */
export async function superresolveScan(request: SuperresolveScanRequest): Promise<SuperresolvedScan> {
  const { scan, path, preset, config, seed, runDir, threads, device, minutes, mask, force } = request;
  const began = performance.now();
  const bytes = new Uint8Array(scan.data.buffer, scan.data.byteOffset, scan.data.byteLength);
  const about = { path, sha256: await sha256(bytes), seed, mask, force: force ?? false };
  const data = dataOfScan(scan, config, about);
  const prepared = await prepare({ system: "smore", preset, config }, data, {
    runDir,
    seed,
    resume: request.resume ?? false,
    ...(threads === undefined ? {} : { threads }),
    ...(device === undefined ? {} : { device }),
    ...(minutes === undefined ? {} : { minutes }),
    ...(request.onTraining === undefined ? {} : { onProgress: request.onTraining }),
  });
  const { signal } = request;
  const training = await trainRun(
    prepared,
    {
      runDir,
      ...(signal === undefined ? {} : { signal }),
      ...(request.onTraining === undefined ? {} : { onProgress: request.onTraining }),
    },
    began,
  );
  if (training.stopped === "asked") return { training };
  const network = await openModelAt(runDir, { threads, device });
  let image: ImageVolume;
  try {
    image = await superresolve(network, scan, {
      force: force ?? false,
      where: path,
      signal,
      onProgress: request.onApplying,
    });
  } catch (error) {
    // What was learnt is saved: to go on is to apply it.
    if (signal?.aborted && error === signal.reason) return { training };
    throw error;
  } finally {
    await network.close();
  }
  if (request.discardRun) await rm(runDir, { recursive: true, force: true });
  return { image, training };
}
