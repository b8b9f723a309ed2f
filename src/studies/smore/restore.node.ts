import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { joinPath } from "../../io/files.js";
import { paths } from "../../tasks/run-folder.node.js";
import { superresolve } from "../../tasks/superresolution/apply.js";
import type { SuperresolutionConfig } from "../../tasks/superresolution/config.js";
import { openModelAt } from "../../tasks/superresolution/network.node.js";
import { dataOfScan, prepare } from "../../tasks/superresolution/setup.node.js";
import { trainRun } from "../../tasks/train.node.js";
import { spacingMm } from "../../volume/affine.js";
import { rangeOf } from "../../volume/intensity.js";
import { toIsotropic } from "../../volume/isotropic.js";
import { resampleLabels } from "../../volume/resample.js";
import type { ImageVolume, LabelVolume } from "../../volume/volume.js";
import { onCommon, thickenHead } from "./data.js";
import { ablatedMm, type Method, shownMm } from "./plan.js";
import { type Cut, cutOf, imageScores, type Judged, meanDice, type Scores } from "./score.js";

export interface RestoreOptions {
  readonly axis: 0 | 1 | 2;
  readonly thicknessMm: number;
  readonly config: SuperresolutionConfig;
  readonly seed: number;
  /** The study's folder, for the run while it lasts. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly segment: (image: ImageVolume) => Promise<LabelVolume>;
  /** What segmentations are compared with, on the head's grid: that of the full resolution where nothing is given. */
  readonly reference?: LabelVolume;
  readonly label: { readonly id: string; readonly real: boolean; readonly shown: boolean };
}

/** A head thickened, brought back by every method, and compared with what it was; SMORE learns from the thick scan alone. */
export async function restoreHead(part: string, head: ImageVolume, options: RestoreOptions): Promise<Judged> {
  const { axis, thicknessMm, segment, label } = options;
  const { thick, common } = thickenHead(head, axis, thicknessMm);
  const truth = onCommon(head, common);
  const inFull = await segment(truth);
  const reference = options.reference === undefined ? inFull : resampleLabels(options.reference, common);
  const scores: Partial<Record<Method, Scores>> = {};
  const cuts: Partial<Record<Method, Cut>> = {};
  const shown = label.shown && thicknessMm === shownMm;
  const note = async (method: Method, image: ImageVolume): Promise<void> => {
    const found = onCommon(image, common);
    scores[method] = { ...imageScores(truth, found), dice: meanDice(reference, await segment(found)) };
    if (shown) cuts[method] = cutOf(found, axis);
  };
  scores.full = { psnrDb: null, ssim: null, dice: meanDice(reference, inFull) };
  if (shown) cuts.full = cutOf(truth, axis);
  for (const method of ["linear", "cubic", "fourier"] as const)
    await note(method, interpolated(thick, head, axis, method));
  for (const [method, image] of await smoreOf(part, thick, options)) await note(method, image);
  const { id, real } = label;
  return { id, real, thicknessMm, scores, ...(Object.keys(cuts).length > 0 ? { cuts } : {}) };
}

/** By interpolation, within the range of the scan, as gyrus superres does it. */
function interpolated(
  thick: ImageVolume,
  head: ImageVolume,
  axis: 0 | 1 | 2,
  method: "linear" | "cubic" | "fourier",
): ImageVolume {
  const [low, high] = rangeOf(thick.data);
  const image = toIsotropic(thick, { method, targetMm: spacingMm(head.affine)[axis] });
  return { ...image, data: image.data.map((value) => Math.min(high, Math.max(low, value))) };
}

/** Train on the scan, or go on where an interrupted study stopped; on one thread, as another number can change the last bits. */
async function smoreOf(
  part: string,
  thick: ImageVolume,
  { config, seed, folder, signal, thicknessMm, label }: RestoreOptions,
): Promise<(readonly [Method, ImageVolume])[]> {
  const began = performance.now();
  const runDir = joinPath(folder, `run-${part}`);
  const about = { path: part, sha256: `of seed ${seed}`, seed, simulated: !label.real };
  const data = dataOfScan(thick, config, about);
  const resume = existsSync(paths.run(runDir));
  const prepared = await prepare({ system: "smore", preset: "study", config }, data, {
    runDir,
    seed,
    threads: 1,
    resume,
  });
  await trainRun(prepared, { runDir, signal }, began);
  signal.throwIfAborted();
  const network = await openModelAt(runDir, { threads: 1 });
  try {
    const smore = await superresolve(network, thick, { where: part, signal });
    if (!ablatedMm.includes(thicknessMm)) return [["smore", smore]];
    const ssr = await superresolve(network, thick, { where: part, signal, tasks: ["ssr"] });
    return [
      ["ssr", ssr],
      ["smore", smore],
    ];
  } finally {
    await network.close();
    await rm(runDir, { recursive: true, force: true });
  }
}
