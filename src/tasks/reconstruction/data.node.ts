import { fail } from "../../core/errors.js";
import { joinPath } from "../../io/files.js";
import { sha256 } from "../../io/fingerprint.js";
import { nodeFiles, readTable, readVolume } from "../../io/node.js";
import { foldOf, type Split } from "../../io/split.js";
import type { Row } from "../../io/tables.js";
import { checkScan, type PetScan } from "../../sim/pet/model.js";
import { companion, geometryOf, readSinogramsFrom } from "../../sim/pet/sinograms.js";
import { spacingMm } from "../../volume/affine.js";
import type { ImageVolume } from "../../volume/volume.js";
import type { TrainingScan } from "./draw.js";

/** A folder of scans as `gyrus simulate pet` makes it: a row of `scans.tsv` for every slice. */
export interface PetFolder {
  readonly root: string;
  readonly rows: readonly Row[];
}

const needed = ["scan", "phantom", "calibration", "psf_fwhm_mm"] as const;

/** Open a folder of simulated scans. Throws `not-found` and `bad-data`. */
export async function openPetFolder(root: string): Promise<PetFolder> {
  if ((await nodeFiles.list(root)) === undefined)
    fail("not-found", { what: "there is no such folder", where: root, fix: "Check the path" });
  const path = joinPath(root, "scans.tsv");
  const { columns, rows } = await readTable(path).catch((cause: unknown) =>
    fail("not-found", {
      what: "the folder holds no list of PET scans",
      where: root,
      expected: "scans.tsv with a row for every slice, as gyrus simulate pet writes it",
      fix: "Make one with gyrus simulate pet, or give the folder that holds scans.tsv",
      cause,
    }),
  );
  const missing = needed.filter((name) => !columns.includes(name));
  if (missing.length > 0 || rows.length === 0)
    fail("bad-data", {
      what: rows.length === 0 ? "the list of scans is empty" : "the list of scans lacks columns",
      where: path,
      expected: needed.join(", "),
      found: columns.join(", "),
      fix: "Make the folder anew with gyrus simulate pet",
    });
  const names = rows.map(({ scan }) => scan!);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    fail("bad-data", {
      what: `the scan ${twice} is listed twice`,
      where: path,
      fix: "Remove one of the rows",
    });
  return { root, rows };
}

/**
 * Who is trained on and who is held out, by phantom: as the folder's own column `split` says, or fold by fold where folds
 * are asked for or the folder says nothing. Throws `bad-data` when slices of one phantom would fall on both sides.
 */
export function splitOf(
  { root, rows }: PetFolder,
  fold: number | undefined,
  folds: number | undefined,
  seed: number,
): Split {
  const cases = rows.map(({ scan, phantom }) => ({ id: scan!, subject: phantom! }));
  const parts = ["train", "validation", "test"] as const;
  const own = parts.slice(0, 2).every((part) => rows.some(({ split }) => split === part));
  if (fold !== undefined || folds !== undefined || !own) {
    const subjects = new Set(cases.map(({ subject }) => subject)).size;
    return foldOf({ name: root, stack: false, cases }, fold ?? 0, Math.min(folds ?? 5, subjects), seed);
  }
  const partOf = new Map<string, string>();
  for (const { scan, phantom, split } of rows) {
    const known = partOf.get(phantom!) ?? split;
    if (split === undefined || !parts.some((part) => part === split) || known !== split)
      fail("bad-data", {
        what:
          known === split ? "a scan is in no part of the split" : "slices of one phantom are in two parts",
        where: `${joinPath(root, "scans.tsv")}, scan ${scan}`,
        expected: known === split ? parts.join(", ") : `${known}, as other slices of ${phantom}`,
        found: split ?? "nothing",
        fix: "Keep all slices of a phantom in one part, or leave the column out and let Gyrus split",
      });
    partOf.set(phantom!, split);
  }
  const ids = (part: string) => rows.filter(({ split }) => split === part).map(({ scan }) => scan!);
  const subjects = (part: string) => [...partOf].filter(([, one]) => one === part).map(([name]) => name);
  const of = <T>(pick: (part: string) => T) => ({
    train: pick("train"),
    validation: pick("validation"),
    test: pick("test"),
  });
  return { by: "subject", seed, subjects: of(subjects), ...of(ids) };
}

/** The files of a scan, in its sub-folder. `trues.hs` is absent where only the counts are known. */
const sinograms = [
  ["prompts", "counts"],
  ["scatter", "expected"],
  ["randoms", "expected"],
  ["attenuation", "fractions"],
] as const;

/** Read a simulated slice. Throws what the readers and `checkScan` throw, naming the file. */
export async function loadTrainingScan({ root }: PetFolder, row: Row): Promise<TrainingScan> {
  const folder = joinPath(root, row.scan!);
  const { volume } = await readVolume(joinPath(folder, "activity.nii.gz"), { as: "float32" });
  const { scan, trues } = await loadScanFolder(root, row, volume);
  return { id: row.scan!, phantom: row.phantom!, scan, trues, truth: volume.data };
}

/** A slice's counts and corrections, with the image grid of a volume. */
export async function loadScanFolder(
  root: string,
  row: Row,
  { size, affine }: Pick<ImageVolume, "size" | "affine">,
): Promise<{ readonly scan: PetScan; readonly trues: Float32Array | undefined }> {
  const folder = joinPath(root, row.scan!);
  const file = (name: string): string => joinPath(folder, `${name}.hs`);
  const [prompts, ...others] = await Promise.all(
    sinograms.map(([name, contents]) => readSinogramsFrom(nodeFiles, file(name), contents)),
  );
  const stack = prompts!;
  const [scatter, randoms, attenuation] = others.map((one, n) =>
    companion(stack, one, file(sinograms[n + 1]![0])),
  );
  const entries = await nodeFiles.list(folder);
  const trues = entries?.some(({ name }) => name === "trues.hs")
    ? companion(stack, await readSinogramsFrom(nodeFiles, file("trues"), "expected"), file("trues"))
    : undefined;
  const pixels = spacingMm(affine);
  if (stack.binSizeMm === undefined || stack.slices !== 1 || size[0] !== size[1] || size[2] !== 1)
    fail("bad-data", {
      what: "the scan is not one slice of a square image",
      where: folder,
      expected: "a sinogram of one slice with its bin size, and an image of one slice",
      found: `${stack.slices} slice(s), an image of ${size.join("x")}`,
    });
  const geometry = geometryOf(stack, folder, { imageSize: size[0], pixelSizeMm: pixels[0] });
  const scan: PetScan = {
    geometry,
    psfFwhmMm: Number(row.psf_fwhm_mm),
    calibration: Number(row.calibration),
    prompts: stack.data,
    scatter,
    randoms,
    attenuation,
  };
  checkScan(scan);
  return { scan, trues };
}

/** SHA-256 over the list and the files of every scan, in the order of their names. */
export async function fingerprintOf({ root, rows }: PetFolder): Promise<string> {
  const digests: string[] = [];
  for (const scan of rows.map((row) => row.scan!).sort()) {
    const folder = joinPath(root, scan);
    const names = ((await nodeFiles.list(folder)) ?? [])
      .filter((entry) => !entry.folder)
      .map(({ name }) => name);
    for (const name of names.sort())
      digests.push(`${scan}/${name} ${await sha256(await nodeFiles.read(joinPath(folder, name)))}`);
  }
  digests.push(await sha256(await nodeFiles.read(joinPath(root, "scans.tsv"))));
  return sha256(new TextEncoder().encode(digests.join("\n")));
}
