import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import type { DataSet } from "../../io/dataset.js";
import { writeScanLikeTo } from "../../io/like.js";
import { fingerprint, nodeFiles } from "../../io/node.js";
import { edgeEnergy } from "../../metrics/edges.js";
import { nrmse, psnrDb, ssim } from "../../metrics/quality.js";
import { type CaseScore, summarise } from "../../metrics/summary.js";
import type { MetricColumn } from "../../report/data.js";
import type { SliceProfile } from "../../sim/mr/profile.js";
import { acquireSlices } from "../../sim/mr/slices.js";
import { spacingMm } from "../../volume/affine.js";
import { resampleFourier } from "../../volume/fourier.js";
import { rangeOf } from "../../volume/intensity.js";
import { toIsotropic } from "../../volume/isotropic.js";
import { resampleTo, withSpacing } from "../../volume/resample.js";
import type { Grid, ImageVolume } from "../../volume/volume.js";
import { casesOf } from "../dataset.node.js";
import { summaryParts } from "../evaluation.js";
import { beginLook, finishLook } from "../looks.node.js";
import { paths } from "../run-folder.node.js";
import type { EvaluateRequest, EvaluateSummary } from "../verbs.js";
import { planScan } from "./acquisition.js";
import { type SuperresolutionNetwork, superresolve } from "./apply.js";
import { openScans, readScan } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { openModelAt } from "./network.node.js";
import { predictionName } from "./predict.node.js";
import type { Run, SuperresolutionModel } from "./run.js";
import { slicesOf } from "./stack.js";

const columns: readonly MetricColumn[] = [
  { key: "psnrDb", name: "PSNR", unit: "dB", better: "higher" },
  { key: "gainDb", name: "PSNR gained on interpolation", unit: "dB", better: "higher" },
  { key: "ssim", name: "SSIM", better: "higher" },
  { key: "nrmse", name: "NRMSE", better: "lower" },
  { key: "edgeErrorPercent", name: "Edge energy off by", unit: "%", better: "lower" },
];

/** An image that is known, what slices would have made of it, and where it came from, in words. */
export interface Trial {
  readonly truth: ImageVolume;
  readonly thick: ImageVolume;
  /** Along which the networks may be applied. */
  readonly directions: number;
  readonly place: string;
}

/** The direction of truth that a volume stands in for. */
const across = { cubes: "thickened scan", thick: "across the rows of its own slices" } as const;

/**
 * What a scan allows to judge: one with cubes for voxels is thickened along its last axis; one with thick slices is known
 * within them only, so that its slices, taken for a volume, are thickened along their rows.
 */
export function trialOf(scan: ImageVolume, model: SuperresolutionModel, where?: string): Trial {
  const spacing = spacingMm(scan.affine);
  const cubes = spacing.every((mm) => Math.abs(mm / model.targetMm - 1) <= 0.02);
  if (cubes) {
    const thick = thicken(scan, 2, model);
    return { truth: scan, thick, directions: model.directions, place: across.cubes };
  }
  const plan = planScan(scan, { targetMm: model.targetMm, thicknessMm: model.thicknessMm, where });
  const slices = slicesOf(scan, plan);
  // As if slices were neighbours: only their rows are then coarse.
  const affine = slices.affine.map((x, n) =>
    n < 12 && n % 4 === 2 ? (x * model.targetMm) / plan.sliceMm : x,
  );
  const truth = { ...slices, affine };
  return { truth, thick: thicken(truth, 1, model), directions: 1, place: across.thick };
}

/** A volume as slices of a run would have seen it. */
export function thicken(
  image: ImageVolume,
  axis: 0 | 1 | 2,
  {
    acquisition,
    sliceMm,
    thicknessMm,
    profile,
  }: Pick<SuperresolutionModel, "acquisition" | "sliceMm" | "thicknessMm" | "profile">,
): ImageVolume {
  if (acquisition === "2d")
    return acquireSlices(image, {
      axis,
      thicknessMm,
      spacingMm: sliceMm,
      profile: profile as SliceProfile,
    });
  const wanted = [...spacingMm(image.affine)] as [number, number, number];
  wanted[axis] = sliceMm;
  return resampleFourier(image, withSpacing(image, wanted));
}

/** Restored and interpolated, both on the truth's grid. */
export async function restoreTrial(
  network: SuperresolutionNetwork,
  { truth, thick, directions }: Trial,
  options: { readonly where?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly found: ImageVolume; readonly plain: ImageVolume }> {
  const { targetMm, acquisition } = network.model;
  const method = acquisition === "2d" ? "cubic" : "fourier";
  const one = { ...network, model: { ...network.model, directions } };
  const found = await superresolve(one, thick, options);
  const plain = toIsotropic(thick, { method, targetMm, force: true, where: options.where });
  return { found: onto(found, truth), plain: onto(plain, truth) };
}

/** The number of slices may have left a voxel at the border; the rest has its place. */
function onto(image: ImageVolume, grid: Grid): ImageVolume {
  return resampleTo(image, grid, { order: "cubic" });
}

/** Judge the held-out scans of a run, or those of another data set: see `trialOf`. */
export async function evaluateSuperresolution(request: EvaluateRequest): Promise<EvaluateSummary> {
  const { runDir, signal, threads, device } = request;
  const run = await readRun(runDir);
  const open = await openModelAt(runDir, { threads, device });
  const dataset = await openScans(request.dataDir ?? run.data.root, channelsOf(run));
  const own = request.dataDir === undefined || (await isOwnData(run, dataset));
  const alone = own && run.split.validation.length === 0 && run.split.test.length === 0;
  const look = await beginLook(
    run,
    request,
    own ? { own, usual: "validation" } : { own, images: dataset.cases.map(({ images }) => images) },
    columns[0],
  );
  const cases =
    look.part === undefined
      ? dataset.cases
      : casesOf(dataset, alone ? run.split.train : run.split[look.part]);
  await mkdir(paths.predictions(runDir), { recursive: true });
  const scores: CaseScore[] = [];
  try {
    for (const [at, one] of cases.entries()) {
      if (signal?.aborted)
        fail("runtime", {
          what: "the evaluation was interrupted",
          where: runDir,
          found: `${at} of ${cases.length} cases judged`,
          fix: "Run it again: nothing is written before all cases are judged, predictions aside",
        });
      request.onProgress?.(at, cases.length, one.id);
      const where = one.images[0]!;
      const { scan, header } = await readScan(where);
      const trial = trialOf(scan, open.model, where);
      const { found, plain } = await restoreTrial(open, trial, { where });
      await writeScanLikeTo(
        nodeFiles,
        `${paths.predictions(runDir)}/${predictionName(where)}`,
        found,
        header,
        { dtype: "float32", description: "Gyrus: super-resolution of a thickened scan" },
      );
      scores.push({
        case: one.id,
        subject: one.subject,
        scores: { [trial.place]: scoreTrial(trial, found, plain) },
      });
    }
  } finally {
    await open.close();
  }
  request.onProgress?.(cases.length, cases.length, "");
  const summary = summarise(scores, rng(run.seed).split("evaluate"), { rankBy: "psnrDb" });
  const result: EvaluateSummary = {
    run: runDir,
    dataDir: resolve(dataset.root),
    set:
      look.words ??
      (!own
        ? `all scans of ${dataset.name}, another data set than that of the run`
        : alone
          ? "the scans that the run has learnt from, as none was held out"
          : `held-out scans of fold ${run.split.fold ?? 0} of ${run.split.folds ?? 5} (whole subjects)`),
    ...summaryParts(summary, columns),
    labels: [...new Set(scores.flatMap(({ scores: found }) => Object.keys(found)))],
    metrics: columns,
    cases: scores,
    interval: "95 % percentile bootstrap over subjects, 2000 resamples",
    notes: [
      ...look.notes,
      "Scans with cubes for voxels are thickened along their last axis and restored. Of scans with thick slices nothing is known across the slices: their slices are thickened along their rows, which the networks have seen if they have learnt from the scan.",
      "The peak of PSNR and SSIM is the brightest voxel; interpolation is by cubic B-splines (2d) or zero padding in k-space (3d).",
    ],
  };
  await finishLook(look, result);
  return result;
}

function scoreTrial({ truth, place }: Trial, found: ImageVolume, plain: ImageVolume): Record<string, number> {
  const peak = rangeOf(truth.data)[1];
  const psnr = (image: ImageVolume): number => psnrDb(truth.data, image.data, peak);
  const edges = (image: ImageVolume): number =>
    edgeEnergy(image.data, image.size, { spacingMm: spacingMm(truth.affine) });
  return {
    psnrDb: psnr(found),
    gainDb: psnr(found) - psnr(plain),
    ssim:
      place === across.cubes
        ? ssim(truth.data, found.data, truth.size, { peak })
        : ssimOfSlices(truth, found, peak),
    nrmse: nrmse(truth.data, found.data),
    edgeErrorPercent: 100 * Math.abs(edges(found) / edges(truth) - 1),
  };
}

/** The mean over slices, which are neighbours in name only. */
function ssimOfSlices(truth: ImageVolume, found: ImageVolume, peak: number): number {
  const [ni, nj, nk] = truth.size;
  let sum = 0;
  for (let k = 0; k < nk; k++) {
    const part = (data: Float32Array): Float32Array => data.subarray(k * ni * nj, (k + 1) * ni * nj);
    sum += ssim(part(truth.data), part(found.data), [ni, nj, 1], { peak });
  }
  return sum / nk;
}

/** How the data set of a run is read. */
export function channelsOf({ data }: Run): { channels: readonly string[] } | Record<string, never> {
  const { channels } = data.options;
  return channels === undefined || channels[0] === "image" ? {} : { channels };
}

async function isOwnData({ data }: Run, dataset: DataSet): Promise<boolean> {
  return dataset.cases.length === data.cases && (await fingerprint(dataset)).sha256 === data.sha256;
}
