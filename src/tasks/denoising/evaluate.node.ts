import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import type { DataSet } from "../../io/dataset.js";
import { fingerprint, writeImageLike } from "../../io/node.js";
import { compareImages } from "../../metrics/compare.js";
import { type CaseScore, summarise } from "../../metrics/summary.js";
import type { MetricColumn } from "../../report/data.js";
import { withMrNoise } from "../../sim/mr/noise.js";
import type { ImageVolume, Volume } from "../../volume/volume.js";
import { casesOf } from "../dataset.node.js";
import { summaryParts } from "../evaluation.js";
import { beginLook, finishLook } from "../looks.node.js";
import { paths } from "../run-folder.node.js";
import type { EvaluateRequest, EvaluateSummary } from "../verbs.js";
import { denoiseByNetwork } from "./apply.js";
import { loadScan, openVolumes } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { openModelAt } from "./network.node.js";
import { predictionName } from "./predict.node.js";
import type { Run } from "./run.js";

const columns: readonly MetricColumn[] = [
  { key: "psnrDb", name: "PSNR", unit: "dB", better: "higher" },
  { key: "gainDb", name: "PSNR gained on the noisy scan", unit: "dB", better: "higher" },
  { key: "ssim", name: "SSIM", better: "higher" },
  { key: "nrmse", name: "NRMSE", better: "lower" },
  { key: "edgeErrorPercent", name: "Edge energy off by", unit: "%", better: "lower" },
];

/** Levels that a run is judged at: its own, or the lowest, the middle and the highest of them. */
export function levelsOf([low, high]: readonly [number, number]): number[] {
  return low === high ? [low] : [Math.max(low, 1), (Math.max(low, 1) + high) / 2, high];
}

/** The noisy scan that a run is judged on, and how strong its noise is: decided by the run's seed, the case and the level. */
export function noisyScan(
  image: ImageVolume,
  seed: number | string,
  id: string,
  percent: number,
): { readonly image: ImageVolume; readonly sigma: number } {
  return withMrNoise(image, rng(seed).split("evaluate", id, percent), { percent });
}

/**
 * Put noise on the held-out scans of a run, or on every scan of another data set, which are taken for clean, denoise them
 * and compare with what they were; over the whole field, and inside the labels where there are some.
 */
export async function evaluateDenoising(request: EvaluateRequest): Promise<EvaluateSummary> {
  const { runDir, signal, threads, device } = request;
  const run = await readRun(runDir);
  const open = await openModelAt(runDir, { threads, device });
  const dataset = await openVolumes(request.dataDir ?? run.data.root, channelsOf(run));
  const own = request.dataDir === undefined || (await isOwnData(run, dataset));
  const look = await beginLook(
    run,
    request,
    own ? { own, usual: "validation" } : { own, images: dataset.cases.map(({ images }) => images) },
    columns[0],
  );
  const cases = look.part === undefined ? dataset.cases : casesOf(dataset, run.split[look.part]);
  const levels = levelsOf(run.model.noise);
  await mkdir(paths.predictions(runDir), { recursive: true });
  const scores: CaseScore[] = [];
  for (const [at, one] of cases.entries()) {
    const { image, label, native } = await loadScan(dataset, one);
    const found: Record<string, Record<string, number>> = {};
    for (const [n, level] of levels.entries()) {
      if (signal?.aborted)
        fail("runtime", {
          what: "the evaluation was interrupted",
          where: runDir,
          found: `${at} of ${cases.length} cases judged`,
          fix: "Run it again: nothing is written before all cases are judged, predictions aside",
        });
      request.onProgress?.(at * levels.length + n, cases.length * levels.length, one.id);
      const { image: noisy, sigma } = noisyScan(image, run.seed, one.id, level);
      const clean = await denoiseByNetwork(open, noisy, { sigma, where: one.images[0] });
      for (const [place, mask] of placesOf(label))
        found[groupOf(level, place)] = scoreScan(image, noisy, clean, mask);
      if (n === levels.length >> 1)
        await writeImageLike(`${paths.predictions(runDir)}/${predictionName(one.images[0]!)}`, clean, native);
    }
    scores.push({ case: one.id, subject: one.subject, scores: found });
  }
  request.onProgress?.(cases.length * levels.length, cases.length * levels.length, "");
  await open.executable.dispose();

  const summary = summarise(scores, rng(run.seed).split("evaluate"), { rankBy: "psnrDb" });
  const result: EvaluateSummary = {
    run: runDir,
    dataDir: resolve(dataset.root),
    set:
      look.words ??
      (own
        ? `held-out scans of fold ${run.split.fold ?? 0} of ${run.split.folds ?? 5} (whole subjects)`
        : `all scans of ${dataset.name}, another data set than that of the run`),
    ...summaryParts(summary, columns),
    labels: Object.keys(scores[0]?.scores ?? {}),
    metrics: columns,
    cases: scores,
    interval: "95 % percentile bootstrap over subjects, 2000 resamples",
    notes: [
      ...look.notes,
      "Rician noise is added to scans that are taken for clean; its level is a percentage of the brightest voxel, which is also the peak of PSNR and SSIM.",
      ...(run.model.units === "noise"
        ? [
            "The network is told how strong the noise is that was added; in a scan of one's own it is estimated.",
          ]
        : []),
      "Edge energy is the mean squared gradient, compared with the clean scan's: blur lowers it, noise left raises it.",
    ],
  };
  await finishLook(look, result);
  return result;
}

/** How the data set of a run is read. */
export function channelsOf({ data }: Run): { channels: readonly string[] } | Record<string, never> {
  const { channels } = data.options;
  return channels === undefined || channels[0] === "image" ? {} : { channels };
}

export const groupOf = (level: number, place: string): string =>
  `${Number(level.toPrecision(3))} % noise, ${place}`;

function placesOf(label: Volume | undefined): (readonly [string, Volume | undefined])[] {
  const whole = ["whole field", undefined] as const;
  const inside = label?.data.some((value) => value !== 0) === true;
  return inside ? [whole, ["inside the labels", label] as const] : [whole];
}

function scoreScan(
  clean: ImageVolume,
  noisy: ImageVolume,
  found: ImageVolume,
  mask: Volume | undefined,
): Record<string, number> {
  const { psnrDb, ssim, nrmse, edgeRatio } = compareImages(clean, found, { mask });
  const before = compareImages(clean, noisy, { mask });
  return {
    psnrDb,
    gainDb: psnrDb - before.psnrDb,
    ssim,
    nrmse,
    edgeErrorPercent: 100 * Math.abs(edgeRatio - 1),
  };
}

async function isOwnData({ data }: Run, dataset: DataSet): Promise<boolean> {
  return dataset.cases.length === data.cases && (await fingerprint(dataset)).sha256 === data.sha256;
}
