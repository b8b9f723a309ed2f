import { mkdir } from "node:fs/promises";
import { fail } from "../../core/errors.js";
import { baseName } from "../../io/files.js";
import { loadImage, nodeFiles, writeImageLike } from "../../io/node.js";
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
  const scans = await scansOf(request.scans);
  const names = scans.map(predictionName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    fail("bad-argument", {
      what: `two scans would both be written to ${twice}`,
      fix: "Denoise them into different folders",
    });
  const open = await openModelAt(request.model, { threads, device });
  await mkdir(outDir, { recursive: true }).catch((cause: unknown) =>
    fail("disk", {
      what: "the folder cannot be made",
      where: outDir,
      fix: "Check the path and its permissions",
      cause,
    }),
  );
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

async function scansOf(given: readonly string[]): Promise<string[]> {
  const scans: string[] = [];
  for (const path of given) {
    const entries = await nodeFiles.list(path);
    if (entries === undefined) {
      scans.push(path);
      continue;
    }
    const inside = entries.filter(({ name, folder }) => !folder && /\.(nii(\.gz)?|hdr)$/i.test(name));
    if (inside.length === 0)
      fail("not-found", {
        what: "the folder holds no scan",
        where: path,
        expected: ".nii, .nii.gz or .hdr/.img",
      });
    scans.push(...inside.map(({ name }) => `${path}/${name}`));
  }
  if (scans.length === 0)
    fail("bad-argument", { what: "no scan was given", fix: "Name the files to denoise" });
  return scans;
}
