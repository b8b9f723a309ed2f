import { fail } from "../core/errors.js";
import { byNumber, classesOf, overrideLabels } from "./dataset-labels.js";
import type { Case, DataSet, DataSetOptions } from "./dataset-types.js";
import { baseName, type FileSystem, folderOf, joinPath } from "./files.js";
import { parseTable, type Row } from "./tables.js";

/** A BIDS file name taken apart: `sub-01_ses-a_desc-x_T1w.nii.gz`. */
export interface BidsFile {
  readonly path: string;
  readonly entities: ReadonlyMap<string, string>;
  readonly suffix: string;
}

/** Folders inside a subject (or session) that hold images one can segment or classify. */
const imageFolders = ["anat", "pet", "perf"];

/** Suffixes of volumes, not of time series, masks or maps. */
export const imageSuffixes =
  /^(T1w|T2w|PDw|T2starw|FLAIR|PDT2|inplaneT1|inplaneT2|T1c|T1map|T2map|UNIT1|angio|pet|ct|CT|m0scan)$/;

/** Open a BIDS folder: raw images, segmentations in `derivatives/`, `participants.tsv`. */
export async function openBids(files: FileSystem, root: string, options: DataSetOptions): Promise<DataSet> {
  const raw = await imagesUnder(files, root);
  const images = raw.filter((file) => imageSuffixes.test(file.suffix) && isNative(file));
  const segmentations = await findSegmentations(files, root, options);
  const channels = options.channels ?? commonChannels(images, root);
  const groups = groupBy(images, caseKey);
  const cases: Case[] = [];
  for (const [id, group] of [...groups].sort(([a], [b]) => byNumber(a, b))) {
    const paths = channels.map((channel) => firstRun(group.filter((file) => channelKey(file) === channel)));
    if (paths.some((path) => path === undefined)) continue;
    const { entities } = group[0]!;
    const label = segmentationOf(segmentations.files, id, options);
    cases.push({
      id,
      subject: `sub-${entities.get("sub")}`,
      ...(entities.has("ses") ? { session: `ses-${entities.get("ses")}` } : {}),
      images: paths as string[],
      ...(label === undefined ? {} : { label: label.path }),
    });
  }
  if (cases.length === 0)
    fail("bad-data", {
      what: "no subject has all the channels",
      where: root,
      expected: channels.join(", "),
      found: [...new Set(images.map(channelKey))].sort().join(", ") || "no images in anat/ or pet/",
      fix: "Name the channels that are there",
    });
  const labelled = cases.some(({ label }) => label !== undefined);
  const names = labelled ? await labelTable(files, root, segmentations, options) : new Map<number, string>();
  const participants = await participantsOf(files, root);
  return {
    kind: "bids",
    name: await dataSetName(files, root),
    root,
    channels,
    ...classesOf(overrideLabels(names, labelled ? options.labels : undefined)),
    dimensions: 3,
    stack: false,
    cases,
    ...(participants === undefined ? {} : { participants }),
  };
}

/** Every NIfTI file under a BIDS folder's subjects and sessions, by its name's parts. */
export async function imagesUnder(files: FileSystem, root: string): Promise<BidsFile[]> {
  const found: BidsFile[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of (await files.list(folder)) ?? []) {
      const path = joinPath(folder, entry.name);
      if (entry.folder && (/^(sub|ses)-/.test(entry.name) || imageFolders.includes(entry.name)))
        await visit(path);
      const parsed = entry.folder ? undefined : parseName(path);
      if (parsed !== undefined) found.push(parsed);
    }
  };
  for (const entry of (await files.list(root)) ?? [])
    if (entry.folder && /^sub-/.test(entry.name)) await visit(joinPath(root, entry.name));
  return found;
}

function parseName(path: string): BidsFile | undefined {
  const match = /^(sub-[^_]+(?:_[a-zA-Z0-9]+-[^_]+)*)_([a-zA-Z0-9]+)\.nii(\.gz)?$/.exec(baseName(path));
  if (match === null) return undefined;
  const entities = match[1]!.split("_").map((part): [string, string] => {
    const dash = part.indexOf("-");
    return [part.slice(0, dash), part.slice(dash + 1)];
  });
  return { path, entities: new Map(entities), suffix: match[2]! };
}

function caseKey({ entities }: BidsFile): string {
  const session = entities.get("ses");
  return `sub-${entities.get("sub")}${session === undefined ? "" : `_ses-${session}`}`;
}

/** What tells a subject's images apart: the suffix, and entities such as `ce` or `acq`; a run is only a repeat. */
export function channelKey({ entities, suffix }: BidsFile): string {
  const own = [...entities].filter(([key]) => !["sub", "ses", "run"].includes(key));
  return [...own.map(([key, value]) => `${key}-${value}`), suffix].join("_");
}

function firstRun(repeats: readonly BidsFile[]): string | undefined {
  return repeats.map(({ path }) => path).sort(byNumber)[0];
}

/**
 * Without a choice by the user: the anatomical images that every subject and session has (others if there are
 * none), T1w alone if no kind is in all.
 */
function commonChannels(found: readonly BidsFile[], root: string): string[] {
  const anatomical = found.filter(({ path }) => baseName(folderOf(path)) === "anat");
  const images = anatomical.length > 0 ? anatomical : found;
  const groups = [...groupBy(images, caseKey).values()];
  const all = [...new Set(images.map(channelKey))].sort(byNumber);
  const common = all.filter((key) => groups.every((group) => group.some((file) => channelKey(file) === key)));
  if (common.length > 0) return common;
  if (all.includes("T1w")) return ["T1w"];
  return fail("bad-data", {
    what:
      all.length === 0 ? "the BIDS folder holds no images" : "no kind of image is there for every subject",
    where: root,
    expected: "files like sub-01/anat/sub-01_T1w.nii.gz",
    found: all.length === 0 ? "none" : all.join(", "),
    fix: "Choose the channels yourself",
  });
}

interface Segmentations {
  /** The derivative's folder, for its label table. */
  readonly folder: string;
  readonly files: readonly BidsFile[];
}

async function findSegmentations(
  files: FileSystem,
  root: string,
  { derivative }: DataSetOptions,
): Promise<Segmentations> {
  const base = joinPath(root, "derivatives");
  const pipelines = ((await files.list(base)) ?? []).filter((entry) => entry.folder).map(({ name }) => name);
  if (derivative !== undefined && !pipelines.includes(derivative))
    fail("not-found", {
      what: "there is no such derivative",
      where: joinPath(base, derivative),
      expected: pipelines.length > 0 ? `one of ${pipelines.join(", ")}` : "folders in derivatives/",
    });
  const found: Segmentations[] = [];
  for (const pipeline of derivative === undefined ? pipelines : [derivative]) {
    const folder = joinPath(base, pipeline);
    const labels = (await imagesUnder(files, folder)).filter(isSegmentation);
    if (labels.length > 0) found.push({ folder, files: labels });
  }
  // A derivative opened by itself holds images and segmentations side by side.
  const beside = derivative === undefined ? (await imagesUnder(files, root)).filter(isSegmentation) : [];
  if (found.length === 0 && beside.length > 0) return { folder: root, files: beside };
  if (found.length > 1)
    fail("bad-data", {
      what: "several derivatives hold segmentations",
      where: base,
      expected: "one, or a choice",
      found: found.map(({ folder }) => baseName(folder)).join(", "),
      fix: "Name the derivative to use",
    });
  return found[0] ?? { folder: base, files: [] };
}

/** Not resampled to a template or to another subject's space. */
export function isNative({ entities }: Pick<BidsFile, "entities">): boolean {
  return [undefined, "orig", "individual", "T1w"].includes(entities.get("space"));
}

/** A discrete segmentation, or a mask of one named thing, in the space of the scan itself. */
function isSegmentation({ entities, suffix }: BidsFile): boolean {
  return isNative({ entities }) && (suffix === "dseg" || (suffix === "mask" && entities.has("label")));
}

function segmentationOf(
  all: readonly BidsFile[],
  id: string,
  { segmentation }: DataSetOptions,
): BidsFile | undefined {
  const own = all.filter((file) => caseKey(file) === id);
  const named = (file: BidsFile) => file.entities.get("desc") ?? file.entities.get("label");
  const chosen = own.filter((file) => segmentation === undefined || named(file) === segmentation);
  const plain = chosen.filter((file) => named(file) === undefined);
  const candidates = plain.length > 0 ? plain : chosen;
  if (candidates.length > 1)
    fail("bad-data", {
      what: "a case has several segmentations",
      where: id,
      expected: "one, or a choice",
      found: candidates.map(({ path }) => baseName(path)).join(", "),
      fix: "Name the desc- or label- entity to use",
    });
  return candidates[0];
}

/** Names of labels: beside the segmentation, at the root of the derivative, or from a mask's own name. */
async function labelTable(
  files: FileSystem,
  root: string,
  { folder, files: segmentations }: Segmentations,
  { segmentation, labels }: DataSetOptions,
): Promise<Map<number, string>> {
  const first = segmentationOf(
    segmentations,
    caseKey(segmentations[0]!),
    segmentation === undefined ? {} : { segmentation },
  );
  if (first?.suffix === "mask")
    return new Map([
      [0, "background"],
      [1, first.entities.get("label")!],
    ]);
  const description = first?.entities.get("desc");
  const general = description === undefined ? "dseg.tsv" : `desc-${description}_dseg.tsv`;
  const beside = first === undefined ? [] : [first.path.replace(/\.nii(\.gz)?$/, ".tsv")];
  const elsewhere = [folder, root].map((place) => joinPath(place, general));
  for (const path of [...beside, ...elsewhere]) {
    const bytes = await files.read(path).catch(() => undefined);
    if (bytes !== undefined) return parseLabelTable(new TextDecoder().decode(bytes), path);
  }
  if (labels !== undefined) return new Map([[0, "background"]]);
  return fail("not-found", {
    what: "the segmentations have no table that names their labels",
    where: elsewhere[0]!,
    expected: "a tab-separated file with the columns index and name",
    fix: "Write one, or name the labels yourself",
  });
}

function parseLabelTable(text: string, path: string): Map<number, string> {
  const { columns, rows } = parseTable(text, path);
  for (const column of ["index", "name"])
    if (!columns.includes(column))
      fail("bad-file", {
        what: `the label table has no column "${column}"`,
        where: path,
        expected: "the columns index and name",
        found: columns.join(", "),
      });
  const names = new Map<number, string>();
  rows.forEach((row, at) => {
    const index = Number(row.index ?? "none");
    if (!Number.isInteger(index) || index < 0 || index > 65535)
      fail("bad-file", {
        what: "a label has no number",
        where: `${path}, line ${at + 2}`,
        expected: "a whole number from 0 to 65535 in the column index",
        found: row.index ?? "nothing",
      });
    names.set(index, row.name ?? `label ${index}`);
  });
  return names;
}

async function participantsOf(files: FileSystem, root: string): Promise<readonly Row[] | undefined> {
  const path = joinPath(root, "participants.tsv");
  const listed = ((await files.list(root)) ?? []).some(({ name }) => name === "participants.tsv");
  if (!listed) return undefined;
  const { columns, rows } = parseTable(new TextDecoder().decode(await files.read(path)), path);
  if (!columns.includes("participant_id"))
    fail("bad-file", {
      what: 'the table has no column "participant_id"',
      where: path,
      expected: "BIDS's first column",
      found: columns.join(", "),
    });
  return rows;
}

/** What a data set calls itself in `dataset_description.json`, else its folder's name. */
export async function dataSetName(files: FileSystem, root: string): Promise<string> {
  const bytes = await files.read(joinPath(root, "dataset_description.json")).catch(() => undefined);
  if (bytes === undefined) return baseName(root);
  try {
    const { Name } = JSON.parse(new TextDecoder().decode(bytes)) as { Name?: unknown };
    return typeof Name === "string" ? Name : baseName(root);
  } catch {
    // A description that is not JSON says nothing; the folder's name does.
    return baseName(root);
  }
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
