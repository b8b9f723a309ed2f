import { resolve } from "node:path";
import { fail } from "../../core/errors.js";
import type { DataSetOptions } from "../../io/dataset.js";
import { dataSetName } from "../../io/dataset-bids.js";
import { sha256 } from "../../io/fingerprint.js";
import { loadImage, nodeFiles, readSubjects } from "../../io/node.js";
import {
  parseDiagnosisMap,
  type SubjectRow,
  type SubjectsOptions,
  type SubjectTable,
} from "../../io/subjects.js";
import { describeGridDifference, spacingMm } from "../../volume/affine.js";
import type { Grid, ImageVolume } from "../../volume/volume.js";
import { describeGrids } from "../dataset.node.js";
import { gib } from "../memory.node.js";
import type { TrainingImage } from "./batches.js";
import type { ClassificationConfig } from "./config.js";
import { prepareImage } from "./prepare.js";
import type { Run } from "./run.js";

type TableConfig = Pick<ClassificationConfig, "classes" | "table">;

/** The rows of a data set that a configuration is about. Throws what `readSubjects` does, one error that lists the rows. */
export function openTable(
  source: string,
  config: TableConfig,
  options: DataSetOptions = {},
  more: SubjectsOptions = {},
): Promise<SubjectTable> {
  return readSubjects(source, { ...optionsOf(config, options), classes: config.classes, ...more });
}

/** All rows of a data set, whatever their diagnosis. */
export function openEverybody(
  source: string,
  config: TableConfig,
  options: DataSetOptions = {},
): Promise<SubjectTable> {
  return readSubjects(source, { ...optionsOf(config, options), oneClass: true });
}

function optionsOf(
  { table: { diagnosis, map, missing } }: TableConfig,
  { channels, derivative }: DataSetOptions,
): SubjectsOptions {
  return {
    missing,
    ...(diagnosis === null ? {} : { columns: { diagnosis } }),
    ...(map === null ? {} : { map: parseDiagnosisMap(map) }),
    ...(channels === undefined ? {} : { suffix: channels[0]! }),
    ...(derivative === undefined ? {} : { derivative }),
  };
}

/** How a run's data set was read. */
export function datasetOptionsOf({
  data: {
    options: { channels, derivative },
  },
}: {
  readonly data: Pick<Run["data"], "options">;
}): DataSetOptions {
  return {
    ...(channels === undefined ? {} : { channels }),
    ...(derivative === undefined ? {} : { derivative }),
  };
}

/** Throws `bad-argument` for options of data sets that a table of diagnoses has no use for. */
export function requireOptions(options: DataSetOptions, name: string, where: string): void {
  const stray = Object.keys(options).find((option) => option !== "channels" && option !== "derivative");
  if (stray !== undefined || (options.channels?.length ?? 1) !== 1)
    fail("bad-argument", {
      what: stray === undefined ? `${name} takes one kind of image` : `--${stray} means nothing to ${name}`,
      where,
      fix: stray === undefined ? "Give one: --channels T1w" : "Leave it out: no labels of voxels are read",
    });
}

/** What a run says of its data, with a digest of every image and its diagnosis. */
export async function recordOf(
  { source, rows, classes, omitted, grid }: SubjectTable,
  { channels, derivative }: DataSetOptions,
): Promise<Run["data"]> {
  const parts: string[] = [];
  for (const { id, image, diagnosis } of rows)
    parts.push(`${id} ${diagnosis} ${await sha256(await nodeFiles.read(image))}`);
  const counted = classes.map((name) => {
    const own = rows.filter(({ diagnosis }) => diagnosis === name);
    return [name, { subjects: new Set(own.map(({ subject }) => subject)).size, cases: own.length }] as const;
  });
  return {
    root: resolve(source),
    options: {
      ...(channels === undefined ? {} : { channels: [...channels] }),
      ...(derivative === undefined ? {} : { derivative }),
    },
    name: await dataSetName(nodeFiles, source),
    cases: rows.length,
    subjects: new Set(rows.map(({ subject }) => subject)).size,
    sha256: await sha256(new TextEncoder().encode(parts.join("\n"))),
    ...describeGrids([grid]),
    classes: Object.fromEntries(counted),
    omitted,
  };
}

/** What a run says whose images do not agree on where they are. */
export const unaligned =
  "the images' affines differ: voxels of different people are compared that may not be the same place";

/** Throws `bad-data` unless there are rows of both classes to learn from: a split that is not stratified may have none. */
export function requireBothClasses(
  rows: readonly Pick<SubjectRow, "subject" | "diagnosis">[],
  classes: readonly string[],
  where: string,
): void {
  const counts = classes.map((name) => {
    const own = rows.filter(({ diagnosis }) => diagnosis === name);
    return { name, images: own.length, subjects: new Set(own.map(({ subject }) => subject)).size };
  });
  if (counts.every(({ images }) => images > 0)) return;
  fail("bad-data", {
    what: "the training part lacks a class",
    where,
    expected: `subjects of ${classes.join(" and of ")}`,
    found: counts
      .map(({ name, images, subjects }) => `${name}: ${subjects} subjects, ${images} images`)
      .join("; "),
    fix: "Choose another --fold, or split with --stratify and the column of the diagnosis",
  });
}

/** Rows with these identifiers, of each subject the first session among them only where that is asked for. */
export function rowsOf(
  rows: readonly SubjectRow[],
  ids: readonly string[],
  sessions: ClassificationConfig["sessions"],
): SubjectRow[] {
  const wanted = new Set(ids);
  const seen = new Set<string>();
  return rows.filter(({ id, subject }) => {
    if (!wanted.has(id) || (sessions === "first" && seen.has(subject))) return false;
    seen.add(subject);
    return true;
  });
}

/** Part of the free memory that the images may take: training shares a copy of them with a thread. */
const dataShare = 0.4;

/** Load and prepare the images of some rows. Throws `memory` where they do not fit, `geometry` for another grid. */
export async function loadImages(
  rows: readonly SubjectRow[],
  classes: readonly string[],
  input: ClassificationConfig["input"],
  grid: Grid,
): Promise<TrainingImage[]> {
  const available = process.availableMemory();
  const loaded: TrainingImage[] = [];
  let bytes = 0;
  for (const { id, subject, diagnosis, image: path } of rows) {
    const image = prepareImage(await loadOnGrid(path, grid), input, path);
    loaded.push({ id, subject, label: classes.indexOf(diagnosis), image });
    bytes += 2 * image.data.byteLength;
    if (bytes > dataShare * available)
      fail("memory", {
        what: `the images do not fit into memory: ${loaded.length} of ${rows.length} were read`,
        expected: `at most ${gib(dataShare * available)}`,
        found: `about ${gib((bytes / loaded.length) * rows.length)}`,
        fix: "Shrink them (--set input.size=48,48,48), train on fewer, or use a machine with more memory",
      });
  }
  return loaded;
}

/** An image in the canonical frame. Throws `geometry` where it has other voxels than the ones trained on. */
export async function loadOnGrid(path: string, grid: Grid): Promise<ImageVolume> {
  const { image } = await loadImage([path], ["image"]);
  const moved = { size: image.size, affine: withOrigin(image, grid) };
  const difference = describeGridDifference(grid, moved, Math.min(...spacingMm(grid.affine)) / 2);
  if (difference !== "")
    fail("geometry", {
      what: "the image does not lie on the grid that the network knows",
      where: path,
      expected: `${grid.size.join("x")} voxels, as all images of the training`,
      found: difference,
      fix: "Bring it onto that grid first, in the way the training images were: gyrus prepare",
    });
  return image;
}

/** The image's own axes at the other grid's place: registered images need not agree on where their origin is. */
function withOrigin({ affine }: Grid, grid: Grid): Grid["affine"] {
  return affine.map((value, at) => (at % 4 === 3 && at < 12 ? grid.affine[at]! : value));
}
