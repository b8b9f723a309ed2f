import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { rng } from "../../core/rng.js";
import { writeInterfileTo } from "../../io/interfile.js";
import { nodeFiles, writeTable, writeVolume } from "../../io/node.js";
import { splitByFractions } from "../../io/split.js";
import { writeWholeFolder } from "../../io/whole-folder.node.js";
import { volume } from "../../volume/volume.js";
import { imageGrid } from "./geometry.js";
import { type PhantomOptions, slicesOfPhantom } from "./phantoms.js";
import { buildScanner, discovery690, meanOverBlocks, type SimulatedScan } from "./scan.js";
import { sinogramsToWrite } from "./sinograms.js";

export interface WritePetOptions extends Omit<PhantomOptions, "oversampling" | "sliceThicknessMm"> {
  /** Expected prompts of every slice. */
  readonly counts: number;
  /** Called after every phantom. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface WrittenPet {
  readonly folder: string;
  readonly scans: readonly string[];
}

/**
 * Simulate scans into a new folder, one sub-folder a slice: prompts, the trues expected in them, scatter, randoms and attenuation factors as
 * Interfile, the true activity (kBq/ml) and the attenuation map (1/cm) as NIfTI; `scans.tsv` lists them with phantom,
 * counts, calibration and a split by phantom. Whole or absent. Throws `exists`, `bad-argument`, `disk`.
 */
export async function writePetScans(folder: string, options: WritePetOptions): Promise<WrittenPet> {
  const scans = await writeWholeFolder(folder, (building) => writeAll(building, options));
  return { folder: resolve(folder), scans };
}

async function writeAll(folder: string, options: WritePetOptions): Promise<string[]> {
  const { geometry, phantoms, seed, counts } = options;
  const scanner = buildScanner(geometry);
  const rows: Record<string, string>[] = [];
  for (let number = 0; number < phantoms; number++) {
    for (const slice of slicesOfPhantom(options, number)) {
      const scan = scanner.simulate(slice, rng(seed).split("scan", slice.id), { counts });
      const attenuation = meanOverBlocks(slice.attenuationPerCm, scanner.sliceSize, 2);
      await writeScan(join(folder, slice.id), scan, slice.truth, attenuation);
      rows.push({
        scan: slice.id,
        phantom: slice.phantom,
        kind: slice.kind,
        tracer: slice.tracer ?? "n/a",
        counts: `${scan.prompts.reduce((sum, value) => sum + value, 0)}`,
        calibration: scan.calibration.toPrecision(9),
        psf_fwhm_mm: `${scan.psfFwhmMm}`,
        scan_time_s: scan.scanTimeS.toPrecision(6),
      });
    }
    options.onProgress?.(number + 1, phantoms);
  }
  const parts = partsOf(rows, seed);
  const listed = rows.map((row) => ({ ...row, split: parts.get(row.phantom!) ?? "train" }));
  await writeTable(join(folder, "scans.tsv"), { columns: Object.keys(listed[0] ?? {}), rows: listed });
  return rows.map(({ scan }) => scan!);
}

/** Training, validation and test part of every phantom: 70, 15 and 15 %, where there are enough. */
function partsOf(rows: readonly Record<string, string>[], seed: number): ReadonlyMap<string, string> {
  const subjects = [...new Set(rows.map(({ phantom }) => phantom!))];
  if (subjects.length < 3) return new Map();
  const cases = subjects.map((subject) => ({ id: subject, subject }));
  const split = splitByFractions(
    { name: "phantoms", stack: false, cases },
    { validation: 0.15, test: 0.15 },
    seed,
  );
  return new Map(
    (["train", "validation", "test"] as const).flatMap((part) =>
      split.subjects[part].map((subject) => [subject, part] as const),
    ),
  );
}

async function writeScan(
  folder: string,
  scan: SimulatedScan,
  truth: Float32Array,
  attenuationPerCm: Float32Array,
): Promise<void> {
  const { geometry, scanTimeS } = scan;
  await mkdir(folder, { recursive: true });
  for (const name of ["prompts", "trues", "scatter", "randoms", "attenuation"] as const)
    await writeInterfileTo(nodeFiles, join(folder, `${name}.hs`), {
      ...sinogramsToWrite(geometry, 1, discovery690.sliceThicknessMm, scan[name]),
      ...(name === "prompts" ? { durationS: Number(scanTimeS.toPrecision(9)) } : {}),
    });
  const grid = imageGrid(geometry, discovery690.sliceThicknessMm);
  await writeVolume(join(folder, "activity.nii.gz"), volume(truth, grid), {
    description: "Gyrus: simulated activity, kBq/ml",
  });
  await writeVolume(join(folder, "mumap.nii.gz"), volume(attenuationPerCm, grid), {
    description: "Gyrus: attenuation at 511 keV, 1/cm",
  });
}
