import { fail } from "../../core/errors.js";
import { baseName } from "../../io/files.js";
import { writeScanLikeTo } from "../../io/like.js";
import { nodeFiles } from "../../io/node.js";
import { makeFolder } from "../../io/whole-folder.node.js";
import { scansOf } from "../scans.node.js";
import type { PredictRequest, PredictSummary } from "../verbs.js";
import { superresolve } from "./apply.js";
import { readScan } from "./data.node.js";
import { openModelAt } from "./network.node.js";

const scanName = /\.(nii(\.gz)?|hdr|img)$/i;

/** `scan.nii.gz` → `scan_superres.nii.gz`. */
export function predictionName(scan: string): string {
  return `${baseName(scan).replace(scanName, "")}_superres.nii.gz`;
}

/** Make scans sharper one by one with networks that have learnt such slices; every result, as float32, is written before the next scan is read. */
export async function predictSuperresolution(request: PredictRequest): Promise<PredictSummary> {
  const { outDir, signal, threads, device } = request;
  const scans = await scansOf(request.scans, "Name the files to make sharper");
  const names = scans.map(predictionName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    fail("bad-argument", {
      what: `two scans would both be written to ${twice}`,
      fix: "Write them into different folders",
    });
  const open = await openModelAt(request.model, { threads, device });
  await makeFolder(outDir);
  const files: { scan: string; prediction: string }[] = [];
  try {
    for (const [at, path] of scans.entries()) {
      if (signal?.aborted) break;
      request.onProgress?.(at, scans.length, path);
      const { scan, header } = await readScan(path);
      const prediction = `${outDir}/${names[at]}`;
      const image = await superresolve(open, scan, { where: path });
      await writeScanLikeTo(nodeFiles, prediction, image, header, {
        dtype: "float32",
        description: "Gyrus: super-resolution by SMORE",
      });
      files.push({ scan: path, prediction });
    }
  } finally {
    await open.close();
  }
  request.onProgress?.(files.length, scans.length, "");
  return { files };
}
