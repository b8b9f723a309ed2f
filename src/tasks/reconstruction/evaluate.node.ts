import { mkdir } from "node:fs/promises";
import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import { joinPath } from "../../io/files.js";
import type { Row } from "../../io/tables.js";
import { type CaseScore, summarise } from "../../metrics/summary.js";
import type { MetricColumn } from "../../report/data.js";
import { summaryParts } from "../evaluation.js";
import { beginLook, finishLook } from "../looks.node.js";
import { paths } from "../run-folder.node.js";
import type { EvaluateRequest, EvaluateSummary } from "../verbs.js";
import { reconstructByNetwork } from "./apply.js";
import { fingerprintOf, loadTrainingScan, openPetFolder, type PetFolder } from "./data.node.js";
import { readRun } from "./folder.node.js";
import { openModelAt } from "./open.node.js";
import { predictionName, writeImage } from "./predict.node.js";
import type { Run } from "./run.js";
import { scoreImage } from "./validate.js";

const columns: readonly MetricColumn[] = [
  { key: "rRMSE", name: "rRMSE", better: "lower" },
  { key: "psnrDb", name: "PSNR", unit: "dB", better: "higher" },
  { key: "ssim", name: "SSIM", better: "higher" },
  { key: "totalErrorPercent", name: "Error of the total", unit: "%", better: "lower" },
];

const label = "activity";

/** Reconstruct and judge the held-out slices of a run as they were counted, or every slice of another folder. */
export async function evaluateReconstruction(request: EvaluateRequest): Promise<EvaluateSummary> {
  const { runDir, signal, threads, device } = request;
  const run = await readRun(runDir);
  const open = await openModelAt(runDir, { threads, device });
  const folder = await openPetFolder(request.dataDir ?? run.data.root);
  const own = request.dataDir === undefined || (await isOwnData(run, folder));
  const usual = run.split.test.length > 0 ? "test" : "validation";
  const files = folder.rows.map(({ scan }) => [joinPath(folder.root, scan!, "activity.nii.gz")]);
  const look = await beginLook(run, request, own ? { own, usual } : { own, images: files }, columns[0]);
  const rows = look.part === undefined ? folder.rows : heldRows(run, look.part, folder);
  await mkdir(paths.predictions(runDir), { recursive: true });
  const scores: CaseScore[] = [];
  for (const row of rows) {
    if (signal?.aborted)
      fail("runtime", {
        what: "the evaluation was interrupted",
        where: runDir,
        found: `${scores.length} of ${rows.length} slices judged`,
        fix: "Run it again: nothing is written before all slices are judged, predictions aside",
      });
    request.onProgress?.(scores.length, rows.length, row.scan!);
    const { id, phantom, scan, truth } = await loadTrainingScan(folder, row);
    const [image] = await reconstructByNetwork(open, [scan], () => joinPath(folder.root, id));
    await writeImage(joinPath(paths.predictions(runDir), predictionName(id)), image!, open);
    const found = { ...scoreImage(truth, image!), totalErrorPercent: totalError(truth, image!) };
    scores.push({ case: id, subject: phantom, scores: { [label]: found } });
  }
  request.onProgress?.(rows.length, rows.length, "");
  await open.executable.dispose();

  const summary = summarise(scores, rng(run.seed).split("evaluate"), { rankBy: "rRMSE" });
  const result: EvaluateSummary = {
    run: runDir,
    dataDir: folder.root,
    set:
      look.words ??
      (own ? describeSplit(run) : `all slices of ${folder.root}, another folder than that of the run`),
    ...summaryParts(summary, columns),
    labels: [label],
    metrics: columns,
    cases: scores,
    interval: "95 % percentile bootstrap over phantoms, 2000 resamples",
    notes: [
      ...look.notes,
      "rRMSE: root mean squared error over the mean of the truth. PSNR and SSIM: the truth's largest value is the peak.",
    ],
  };
  await finishLook(look, result);
  return result;
}

/** By how many percent the activity of the whole slice is off. */
function totalError(truth: Float32Array, image: Float32Array): number {
  const total = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0);
  return 100 * Math.abs(total(image) / total(truth) - 1);
}

/** The slices of a part. */
function heldRows({ split }: Run, part: "validation" | "test", { rows, root }: PetFolder): Row[] {
  return split[part].map(
    (id) =>
      rows.find(({ scan }) => scan === id) ??
      fail("not-found", {
        what: `the scan ${id} of the run's split is not in the folder`,
        where: root,
        fix: "Use the folder that the run was trained on, or evaluate on another one with --data",
      }),
  );
}

async function isOwnData({ data }: Run, folder: PetFolder): Promise<boolean> {
  return folder.rows.length === data.scans && (await fingerprintOf(folder)) === data.sha256;
}

function describeSplit({ split }: Run): string {
  if (split.fold !== undefined)
    return `held-out slices of fold ${split.fold} of ${split.folds ?? 5} (whole phantoms)`;
  return `slices of the ${split.test.length > 0 ? "test" : "validation"} part (whole phantoms)`;
}
