import { GyrusError } from "../core/errors.js";
import { determinant, spacingMm } from "../volume/affine.js";
import { voxelCount } from "../volume/volume.js";
import { loadCaseFrom } from "./case.js";
import { type DataSet, type DataSetOptions, openDataSetFrom } from "./dataset.js";
import { baseName, type FileSystem } from "./files.js";
import { formatOf, readVolumeFrom } from "./formats.js";
import type { DataSetInspection, FileInspection, Spread } from "./inspect-types.js";
import { factsOf, type Problem, problemsOf } from "./inspect-volume.js";

export type { DataSetInspection, DataSetSummary, FileInspection, Spread } from "./inspect-types.js";
export type { Problem, VolumeFacts } from "./inspect-volume.js";
export { describeInspection } from "./inspect-words.js";

/**
 * What a file or a data set folder is, what is wrong with it and what would fix it. Files are read whole, and of a
 * data set every case. Problems come as a list; only a path that is not there throws.
 */
export async function inspectPathFrom(
  files: FileSystem,
  path: string,
  options: DataSetOptions = {},
): Promise<FileInspection | DataSetInspection> {
  if ((await files.list(path)) === undefined) return inspectFile(files, path);
  try {
    return await inspectDataSet(files, await openDataSetFrom(files, path, options), []);
  } catch (error) {
    const dataset = await withNumberedLabels(files, path, options, error);
    return inspectDataSet(files, dataset, [problemOf(error, path)]);
  }
}

/** The data set that could not be opened for want of a label table, its labels called by their numbers; else rethrows. */
async function withNumberedLabels(
  files: FileSystem,
  path: string,
  options: DataSetOptions,
  error: unknown,
): Promise<DataSet> {
  const isTable = error instanceof GyrusError && /dseg\.tsv$/.test(error.details.where ?? "");
  if (!isTable || error.kind !== "not-found" || options.labels !== undefined) throw error;
  const { cases } = await openDataSetFrom(files, path, { ...options, labels: {} });
  const found = new Set<number>();
  for (const { label } of cases) {
    if (label === undefined) continue;
    const read = await readVolumeFrom(files, label).catch((cause: unknown) => {
      // It is among the problems again when its case is read.
      if (!(cause instanceof GyrusError)) throw cause;
    });
    for (const value of new Set(read?.volume.data)) if (Number.isInteger(value)) found.add(value);
  }
  const labels = Object.fromEntries([...found].filter((v) => v > 0).map((v) => [v, `label ${v}`]));
  return openDataSetFrom(files, path, { ...options, labels });
}

async function inspectFile(files: FileSystem, path: string): Promise<FileInspection> {
  const head = await files.read(path, 132);
  try {
    const reader = formatOf(path, head).name;
    const { volume, header } = await readVolumeFrom(files, path);
    const format = header === undefined ? reader : formatNames[header.format];
    const facts = factsOf(volume, header, path);
    return { kind: "file", path, format, facts, problems: problemsOf(volume, header, facts, path) };
  } catch (error) {
    return { kind: "file", path, format: "not readable", problems: [problemOf(error, path)] };
  }
}

const formatNames = { nifti1: "NIfTI-1", nifti2: "NIfTI-2", analyze: "Analyze 7.5" } as const;

function problemOf(error: unknown, where: string): Problem {
  if (!(error instanceof GyrusError)) throw error;
  const { what, expected, found, fix } = error.details;
  const more = [expected && `expected ${expected}`, found && `found ${found}`].filter(Boolean).join(", ");
  return {
    level: "error",
    where: error.details.where ?? where,
    what: more === "" ? what : `${what} (${more})`,
    fix: fix ?? "See the documentation of the format",
  };
}

async function inspectDataSet(
  files: FileSystem,
  dataset: DataSet,
  found: readonly Problem[],
): Promise<DataSetInspection> {
  const problems: Problem[] = [...found];
  const sizes: number[][] = [];
  const spacings: number[][] = [];
  const volumes: number[][] = dataset.labels.map(() => []);
  for (const one of dataset.cases) {
    try {
      const { image, label } = await loadCaseFrom(files, dataset, one);
      sizes.push([...image.size]);
      const mm = spacingMm(image.affine);
      spacings.push([...mm]);
      if (label === undefined) continue;
      const counts = new Array<number>(dataset.labelValues.length).fill(0);
      for (let at = 0; at < label.data.length; at++) counts[label.data[at]!]!++;
      const voxelMm3 = Math.abs(determinant(image.affine));
      volumes.forEach((of, at) => {
        of.push(counts[at + 1]! * voxelMm3);
      });
      if (dataset.labels.length > 0 && counts[0] === voxelCount(label.size))
        problems.push({
          level: "caution",
          where: one.label!,
          what: "the label map is empty",
          fix: "Fine if nothing is there to be found; otherwise correct it",
        });
    } catch (error) {
      problems.push(problemOf(error, one.id));
    }
  }
  problems.push(...dataSetProblems(dataset));
  return {
    kind: "dataset",
    path: dataset.root,
    dataset,
    summary: {
      cases: dataset.cases.length,
      subjects: new Set(dataset.cases.map(({ subject }) => subject)).size,
      labelled: dataset.cases.filter(({ label }) => label !== undefined).length,
      size: spreads(sizes),
      spacingMm: spreads(spacings),
      labels: dataset.labels.map(({ name }, at) => ({
        name,
        volumeMm3: spread(volumes[at]!),
        present: volumes[at]!.filter((mm3) => mm3 > 0).length,
      })),
    },
    problems,
  };
}

function dataSetProblems({ kind, cases, root, labels, participants }: DataSet): Problem[] {
  const problems: Problem[] = [];
  const subjects = new Set(cases.map(({ subject }) => subject));
  if (subjects.size === 1)
    problems.push({
      level: "error",
      where: root,
      what: `the data set has one subject (${[...subjects][0]}), so nothing can be held out`,
      fix: "Add scans of other subjects",
    });
  else if (kind === "msd")
    problems.push({
      level: "caution",
      where: root,
      what: "dataset.json does not say which cases are of one person, so each counts as a subject of its own",
      fix: "Where two scans or two sides are of one person, a split by case may put them on both sides: say so with the result",
    });
  const unlabelled = cases.filter(({ label }) => label === undefined).map(({ id }) => id);
  if (labels.length > 0 && unlabelled.length > 0)
    problems.push({
      level: "caution",
      where: root,
      what: `${unlabelled.length} of ${cases.length} cases have no label map: ${few(unlabelled)}`,
      fix: "They are left out of training and evaluation; add their maps to use them",
    });
  const listed = participants?.map((row) => row.participant_id).filter((id) => id !== undefined) ?? [];
  const missing = listed.filter((id) => !subjects.has(id));
  const unlisted = participants === undefined ? [] : [...subjects].filter((id) => !listed.includes(id));
  for (const [who, what] of [
    [missing, "in participants.tsv have no images"],
    [unlisted, "have images and no line in participants.tsv"],
  ] as const)
    if (who.length > 0)
      problems.push({
        level: "caution",
        where: `${baseName(root)}/participants.tsv`,
        what: `${who.length} subjects ${what}: ${few(who)}`,
        fix: "Bring the table and the folders in step",
      });
  return problems;
}

function few(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
}

function spreads(rows: readonly (readonly number[])[]): Spread[] {
  return [0, 1, 2].map((axis) => spread(rows.map((row) => row[axis]!)));
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, middle, high] = [0, Math.floor((sorted.length - 1) / 2), sorted.length - 1].map(
    (at) => sorted[at] ?? 0,
  );
  return [low!, middle!, high!];
}
