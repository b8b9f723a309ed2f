import { fail } from "../../core/errors.js";
import { baseName, folderOf, joinPath } from "../../io/files.js";
import { nodeFiles, writeVolume } from "../../io/node.js";
import type { Row } from "../../io/tables.js";
import { makeFolder } from "../../io/whole-folder.node.js";
import { imageGrid } from "../../sim/pet/geometry.js";
import { discovery690 } from "../../sim/pet/scan.js";
import { volume } from "../../volume/volume.js";
import type { PredictRequest, PredictSummary } from "../verbs.js";
import { reconstructByNetwork, type SliceNetwork } from "./apply.js";
import { loadScanFolder, openPetFolder } from "./data.node.js";
import { openModelAt } from "./open.node.js";

/**
 * Reconstruct scans of a folder as `gyrus simulate pet` makes it, each given by its sub-folder, whose corrections and
 * calibration are used; or the folder itself, for all of them. Images are NIfTI in kBq/ml. Sinograms from elsewhere go
 * through `gyrus reconstruct`.
 */
export async function predictReconstruction(request: PredictRequest): Promise<PredictSummary> {
  const { outDir, signal, threads, device } = request;
  const open = await openModelAt(request.model, { threads, device });
  const chosen = await scansOf(request.scans);
  await makeFolder(outDir);
  const files: { scan: string; prediction: string }[] = [];
  for (const { root, row } of chosen) {
    if (signal?.aborted) break;
    const scan = joinPath(root, row.scan!);
    request.onProgress?.(files.length, chosen.length, scan);
    const grid = imageGrid(open.model.geometry, discovery690.sliceThicknessMm);
    const found = await loadScanFolder(root, row, grid);
    const prediction = joinPath(outDir, predictionName(row.scan!));
    await writeImage(prediction, (await reconstructByNetwork(open, [found.scan], () => scan))[0]!, open);
    files.push({ scan, prediction });
  }
  request.onProgress?.(files.length, chosen.length, "");
  await open.executable.dispose();
  return { files };
}

/** `brain-001_slice-1` → `brain-001_slice-1_activity.nii.gz`. */
export function predictionName(scan: string): string {
  return `${scan}_activity.nii.gz`;
}

export async function writeImage(
  path: string,
  image: Float32Array,
  { model }: Pick<SliceNetwork, "model">,
): Promise<void> {
  const grid = imageGrid(model.geometry, discovery690.sliceThicknessMm);
  await writeVolume(path, volume(image, grid), { description: `Gyrus: ${model.system}, kBq/ml` });
}

interface Chosen {
  readonly root: string;
  readonly row: Row;
}

async function scansOf(scans: readonly string[]): Promise<Chosen[]> {
  const chosen: Chosen[] = [];
  for (const given of scans) {
    const path = baseName(given) === "prompts.hs" ? folderOf(given) : given.replace(/\/+$/, "");
    const inside = await nodeFiles.list(path);
    if (inside?.some(({ name }) => name === "scans.tsv")) {
      const { root, rows } = await openPetFolder(path);
      chosen.push(...rows.map((row) => ({ root, row })));
      continue;
    }
    if (!inside?.some(({ name }) => name === "prompts.hs"))
      fail("not-found", {
        what: "this is no simulated scan",
        where: given,
        expected: "a folder with prompts.hs, as gyrus simulate pet writes one for every slice",
        fix: "Reconstruct other sinograms with gyrus reconstruct --method RUN",
      });
    const root = folderOf(path);
    const { rows } = await openPetFolder(root);
    const row = rows.find(({ scan }) => scan === baseName(path));
    chosen.push({
      root,
      row:
        row ??
        fail("not-found", {
          what: "the scan is not in the list of its folder",
          where: joinPath(root, "scans.tsv"),
          expected: `a row for ${baseName(path)}, with its calibration`,
        }),
    });
  }
  if (chosen.length === 0)
    fail("bad-argument", { what: "no scan was given", fix: "Name the folders to reconstruct" });
  return chosen;
}
