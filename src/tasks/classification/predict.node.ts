import { baseName } from "../../io/files.js";
import { writeTable } from "../../io/node.js";
import { suffixOf } from "../../io/subjects-checks.js";
import { makeFolder } from "../../io/whole-folder.node.js";
import { refuseSealedScans } from "../looks.node.js";
import { scansOf } from "../scans.node.js";
import type { PredictRequest, PredictSummary } from "../verbs.js";
import { type Classifier, probabilitiesOf } from "./apply.js";
import { loadOnGrid } from "./data.node.js";
import { openModelAt } from "./network.node.js";
import { prepareImage } from "./prepare.js";
import { vote } from "./vote.js";

const scanName = /\.(nii(\.gz)?|hdr)$/i;

/** One row of `predictions.tsv`. */
export interface Prediction {
  /** What the scan belongs to: the part of its name that identifies it. */
  readonly id: string;
  readonly scan: string;
  /** Of the positive class. */
  readonly probability: number;
  /** The same at every position. */
  readonly positions: readonly number[];
}

/** What a classifier says of a scan. Throws `geometry` for a scan on another grid. */
export async function predictScan(classifier: Classifier, scan: string): Promise<Prediction> {
  const { model } = classifier;
  const image = prepareImage(await loadOnGrid(scan, model.grid), model.input, scan);
  const positions = await probabilitiesOf(classifier, image);
  return {
    id: idOfScan(scan),
    scan,
    probability: vote(positions, model.votes),
    positions: Array.from(positions),
  };
}

/** Whose scan it is, as far as its name says: `sub-01_ses-M12` of `sub-01_ses-M12_T1w.nii.gz`, `patient_12` of `patient_12.nii.gz`. */
export function idOfScan(scan: string): string {
  const name = baseName(scan).replace(scanName, "");
  const suffix = suffixOf(scan);
  return suffix === undefined ? name : name.slice(0, -(suffix.length + 1));
}

/** Write the table of what was predicted; `truth` has the diagnosis by id, where it is known. */
export async function writePredictions(
  path: string,
  rows: readonly (Prediction & { readonly subject?: string; readonly truth?: string })[],
  classes: readonly [string, string],
): Promise<void> {
  const judged = rows.some(({ truth }) => truth !== undefined);
  const name = `probability_${classes[1]}`;
  const columns = ["id", ...(judged ? ["subject", "diagnosis"] : []), name, "prediction", "scan"];
  await writeTable(path, {
    columns,
    rows: rows.map(({ id, scan, probability, subject, truth }) => ({
      id,
      subject: subject ?? id,
      diagnosis: truth,
      [name]: probability.toFixed(6),
      prediction: classes[probability >= 0.5 ? 1 : 0],
      scan,
    })),
  });
}

/** Say of scans, one by one, how probable the second class is: one table for all, `predictions.tsv`. */
export async function predictClassification(request: PredictRequest): Promise<PredictSummary> {
  const { outDir, signal, threads, device } = request;
  const scans = await scansToJudge(request.scans);
  await refuseSealedScans(request.model, request.scans);
  const open = await openModelAt(request.model, { threads, device });
  await makeFolder(outDir);
  const rows: Prediction[] = [];
  for (const [at, scan] of scans.entries()) {
    if (signal?.aborted) break;
    request.onProgress?.(at, scans.length, scan);
    rows.push(await predictScan(open, scan));
  }
  request.onProgress?.(rows.length, scans.length, "");
  await open.executable.dispose();
  const path = `${outDir}/predictions.tsv`;
  await writePredictions(path, rows, open.model.classes);
  return { files: rows.map(({ scan }) => ({ scan, prediction: path })) };
}

/** Files as given, and of folders every scan inside, subjects' folders of BIDS included. */
export function scansToJudge(given: readonly string[]): Promise<string[]> {
  return scansOf(given, "Name the files to classify", { subjects: true });
}
