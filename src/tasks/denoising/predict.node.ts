import { fail } from "../../core/errors.js";
import { baseName } from "../../io/files.js";
import { loadImage, writeImageLike } from "../../io/node.js";
import { makeFolder } from "../../io/whole-folder.node.js";
import { scansOf } from "../scans.node.js";
import type { PredictRequest, PredictSummary } from "../verbs.js";
import { denoiseByNetwork } from "./apply.js";
import { openModelAt } from "./network.node.js";

const scanName = /\.(nii(\.gz)?|hdr|img)$/i;

/** `scan.nii.gz` → `scan_denoised.nii.gz`. */
export function predictionName(scan: string): string {
  return `${baseName(scan).replace(scanName, "")}_denoised.nii.gz`;
}

/** Denoise scans one by one, each on its own grid; every result is written before the next scan is read. */
export async function predictDenoising(request: PredictRequest): Promise<PredictSummary> {
  const { outDir, signal, threads, device } = request;
  const scans = await scansOf(request.scans, "Name the files to denoise");
  const names = scans.map(predictionName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    fail("bad-argument", {
      what: `two scans would both be written to ${twice}`,
      fix: "Denoise them into different folders",
    });
  const open = await openModelAt(request.model, { threads, device });
  await makeFolder(outDir);
  const files: { scan: string; prediction: string }[] = [];
  for (const [at, scan] of scans.entries()) {
    if (signal?.aborted) break;
    request.onProgress?.(at, scans.length, scan);
    const { image, native } = await loadImage([scan], [open.model.channel]);
    const prediction = `${outDir}/${names[at]}`;
    await writeImageLike(prediction, await denoiseByNetwork(open, image, { where: scan }), native);
    files.push({ scan, prediction });
  }
  request.onProgress?.(files.length, scans.length, "");
  await open.executable.dispose();
  return { files };
}
