import { z } from "zod";
import { fail } from "../core/errors.js";
import { byNumber } from "./dataset-labels.js";
import { labelsOf } from "./dataset-msd-labels.js";
import type { Case, DataSet, DataSetOptions } from "./dataset-types.js";
import { baseName, type FileSystem, folderOf, joinPath } from "./files.js";
import { jsonOf } from "./json.js";

const named = z.record(z.string(), z.union([z.string(), z.number()]));
const pair = z.object({
  image: z.union([z.string(), z.array(z.string()).min(1)]),
  label: z.string().optional(),
  /** Not in the Decathlon: whose scan it is, which `gyrus convert` keeps where the source says so. */
  subject: z.string().optional(),
  session: z.string().optional(),
});

/** `dataset.json` of the Medical Segmentation Decathlon and of nnU-Net, whose keys differ a little. */
const schema = z.object({
  name: z.string().optional(),
  tensorImageSize: z.string().optional(),
  modality: named.optional(),
  channel_names: named.optional(),
  labels: z.record(z.string(), z.union([z.string(), z.number(), z.array(z.number())])),
  regions_class_order: z.array(z.number()).optional(),
  numTraining: z.number().optional(),
  training: z.array(pair).optional(),
  file_ending: z.string().startsWith(".").optional(),
});

const examples: Record<string, string> = {
  labels: '"labels": {"0": "background", "1": "hippocampus"}',
  modality: '"modality": {"0": "T1"}',
  channel_names: '"channel_names": {"0": "T1"}',
  training: '"training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}]',
  file_ending: '"file_ending": ".nii.gz"',
  regions_class_order: '"regions_class_order": [1, 2, 3], one label to paint for every region',
  numTraining: '"numTraining": 260',
  name: '"name": "Hippocampus"',
  tensorImageSize: '"tensorImageSize": "3D"',
};

type Description = z.infer<typeof schema>;

/** Open a Decathlon or nnU-Net folder by its `dataset.json`. */
export async function openMsd(files: FileSystem, root: string, options: DataSetOptions): Promise<DataSet> {
  const path = joinPath(root, "dataset.json");
  const description = parseDescription(new TextDecoder().decode(await files.read(path)), path);
  const channels = channelNames(description, path);
  const labels = labelsOf(description, path, options.labels);
  const { training } = description;
  const cases =
    training === undefined
      ? await casesOfFolders(files, root, description, channels.length)
      : await withChannelFiles(
          files,
          training.map((entry) => caseOf(entry, root)),
          channels.length,
        );
  requireUnique(cases, path);
  return {
    kind: "msd",
    name: description.name ?? baseName(root),
    root,
    channels,
    ...labels,
    dimensions: /^2/.test(description.tensorImageSize ?? "3D") ? 2 : 3,
    stack: false,
    cases,
  };
}

function caseOf({ image, label, session, ...entry }: z.infer<typeof pair>, root: string): Case {
  const images = Array.isArray(image) ? image : [image];
  const id = stem(images[0]!).replace(images.length > 1 ? /_\d{4}$/ : /$^/, "");
  return {
    id,
    subject: entry.subject ?? id,
    ...(session === undefined ? {} : { session }),
    images: images.map((one) => joinPath(root, one)),
    ...(label === undefined ? {} : { label: joinPath(root, label) }),
  };
}

/** nnU-Net's first version lists `a.nii.gz` where it stores `a_0000.nii.gz`, a file a channel. */
async function withChannelFiles(
  files: FileSystem,
  cases: readonly Case[],
  channels: number,
): Promise<Case[]> {
  const lists = new Map<string, ReadonlySet<string>>();
  const found: Case[] = [];
  for (const one of cases) {
    const [first, ...others] = one.images;
    const folder = folderOf(first!);
    const names = lists.get(folder) ?? (await namesIn(files, folder));
    lists.set(folder, names);
    const name = baseName(first!);
    const own = stem(name);
    const ending = name.slice(own.length);
    const numbered = others.length === 0 && !names.has(name) && names.has(`${own}_0000${ending}`);
    found.push(numbered ? { ...one, images: channelFiles(own, ending, folder, names, channels) } : one);
  }
  return found;
}

async function namesIn(files: FileSystem, folder: string): Promise<Set<string>> {
  return new Set(((await files.list(folder)) ?? []).filter((e) => !e.folder).map((e) => e.name));
}

/** `a_0000.nii.gz`, `a_0001.nii.gz` and so on. Throws `not-found` that names the one that is missing. */
function channelFiles(
  id: string,
  ending: string,
  folder: string,
  names: ReadonlySet<string>,
  channels: number,
): string[] {
  return Array.from({ length: channels }, (_, channel) => {
    const path = joinPath(folder, `${id}_${String(channel).padStart(4, "0")}${ending}`);
    if (!names.has(baseName(path)))
      fail("not-found", {
        what: `the case "${id}" has no file for channel ${channel}`,
        where: path,
        fix: "Add it, or correct the channels in dataset.json",
      });
    return path;
  });
}

function parseDescription(text: string, path: string): Description {
  const json = jsonOf(text, path, { fix: "Open it in an editor and repair that place" });
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const key = issue.path.join(".") || "the file";
  return fail("bad-file", {
    what: `the entry "${key}" is not what a dataset.json holds`,
    where: path,
    expected: `something like ${examples[String(issue.path[0])] ?? examples.labels}`,
    found: describe(json, issue.path),
    fix: "Repair that entry",
  });
}

function describe(json: unknown, path: readonly PropertyKey[]): string {
  let value = json;
  for (const key of path)
    value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 100);
}

function channelNames({ modality, channel_names }: Description, path: string): string[] {
  const entries = Object.entries(channel_names ?? modality ?? { 0: "image" });
  const sorted = entries.sort(([a], [b]) => Number(a) - Number(b));
  const wrong = sorted.findIndex(([key], at) => Number(key) !== at);
  if (wrong >= 0 || sorted.length === 0)
    fail("bad-file", {
      what: "the channels are not numbered from 0",
      where: path,
      expected: '{"0": "FLAIR", "1": "T1"}',
      found: `keys ${sorted.map(([key]) => `"${key}"`).join(", ")}`,
      fix: "Number them without gaps",
    });
  return sorted.map(([, name]) => String(name));
}

/** nnU-Net lists no cases: `imagesTr/CASE_0000.nii.gz` (one file per channel) and `labelsTr/CASE.nii.gz`. */
async function casesOfFolders(
  files: FileSystem,
  root: string,
  { file_ending: ending = ".nii.gz", numTraining }: Description,
  channels: number,
): Promise<Case[]> {
  const folder = joinPath(root, "imagesTr");
  const labels = await namesIn(files, joinPath(root, "labelsTr"));
  const images = await namesIn(files, folder);
  const scans = [...images].filter((name) => name.endsWith(ending));
  if (scans.length === 0 && images.size > 0)
    fail("bad-data", {
      what: "imagesTr holds no file with this ending",
      where: `${joinPath(root, "dataset.json")}, file_ending`,
      expected: `the ending of ${[...images].sort(byNumber)[0]}`,
      found: ending,
      fix: "Correct file_ending",
    });
  const ids = new Set(scans.map((name) => name.slice(0, -ending.length).replace(/_\d{4}$/, "")));
  for (const name of labels) requireImageOf(name, ids, ending, joinPath(root, "labelsTr", name));
  if (numTraining !== undefined && numTraining !== ids.size)
    fail("bad-data", {
      what: "imagesTr does not hold as many cases as numTraining says",
      where: joinPath(root, "dataset.json"),
      expected: `${numTraining} cases`,
      found: `${ids.size}`,
      fix: "Add the cases that are missing, or correct numTraining",
    });
  return [...ids].sort(byNumber).map((id): Case => {
    const paths = channelFiles(id, ending, folder, images, channels);
    // Without any labels it is a folder of scans, which some systems learn from.
    if (labels.size === 0) return { id, subject: id, images: paths };
    const label = joinPath(root, "labelsTr", `${id}${ending}`);
    if (!labels.has(baseName(label)))
      fail("not-found", {
        what: `the case "${id}" has no label map`,
        where: label,
        fix: "Add it, or move the case's images to imagesTs",
      });
    return { id, subject: id, images: paths, label };
  });
}

/**
 * Scans without labels that a folder with a `dataset.json` holds for testing: `imagesTs` in nnU-Net's numbered files or
 * whole. None elsewhere.
 */
export async function unlabelledScansOf(
  files: FileSystem,
  { kind, root, channels }: Pick<DataSet, "kind" | "root" | "channels">,
): Promise<Case[]> {
  if (kind !== "msd") return [];
  const folder = joinPath(root, "imagesTs");
  const names = ((await files.list(folder)) ?? [])
    .filter(({ name, folder: inner }) => !inner && /\.nii(\.gz)?$/i.test(name) && !name.startsWith("."))
    .map(({ name }) => name);
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const own = stem(name);
    const id = channels.length > 1 || /_0000$/.test(own) ? own.replace(/_\d{4}$/, "") : own;
    groups.set(id, [...(groups.get(id) ?? []), joinPath(folder, name)]);
  }
  return [...groups]
    .sort(([a], [b]) => byNumber(a, b))
    .map(([id, images]) => ({ id, subject: id, images: images.sort(byNumber) }));
}

/** A label map whose name belongs to no image would be left out without a word. */
function requireImageOf(name: string, ids: ReadonlySet<string>, ending: string, where: string): void {
  if (!name.endsWith(ending) || ids.has(name.slice(0, -ending.length))) return;
  const numbered = name.slice(0, -ending.length).replace(/_\d{4}$/, "");
  fail("bad-data", {
    what: "a label map has no image",
    where,
    expected: `imagesTr/${name.slice(0, -ending.length)}_0000${ending}`,
    fix: ids.has(numbered)
      ? `Only images carry the number of their channel: rename it to ${numbered}${ending}`
      : "Add the image, or remove the label map",
  });
}

function requireUnique(cases: readonly Case[], path: string): void {
  const seen = new Set<string>();
  for (const { id } of cases) {
    if (seen.has(id))
      fail("bad-data", {
        what: `the case "${id}" is listed twice`,
        where: path,
        fix: "Remove one of them: it could fall on both sides of a split",
      });
    seen.add(id);
  }
}

/** A file's name without folder and ending. */
export function stem(path: string): string {
  return baseName(path).replace(/\.(nii|hdr|img)(\.gz)?$|\.[^.]*$/i, "");
}
