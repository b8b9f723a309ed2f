import { fail } from "../core/errors.js";
import { rangeOf } from "../volume/intensity.js";
import { byNumber, classesOf, overrideLabels } from "./dataset-labels.js";
import { stem } from "./dataset-msd.js";
import type { Case, DataSet, DataSetOptions } from "./dataset-types.js";
import { baseName, type FileSystem, joinPath } from "./files.js";
import { readVolumeFrom, volumeFormats } from "./formats.js";

/** Folders that hold images and the folders that hold their labels, in the places where people put them. */
const layouts: readonly (readonly [images: string, labels: string])[] = [
  ["train/image", "train/label"],
  ["train/images", "train/labels"],
  ["train/images", "train/masks"],
  ["image", "label"],
  ["images", "labels"],
  ["images", "masks"],
  ["imagesTr", "labelsTr"],
];

/** Open a folder of image and label files with equal names, one pair a case. */
export async function openPairs(files: FileSystem, root: string, options: DataSetOptions): Promise<DataSet> {
  for (const [imageFolder, labelFolder] of layouts) {
    const images = await namesIn(files, joinPath(root, imageFolder));
    const labels = await namesIn(files, joinPath(root, labelFolder));
    if (images === undefined || labels === undefined) continue;
    return fromFolders(files, root, imageFolder, images, labelFolder, labels, options);
  }
  return fail("bad-data", {
    what: "this is no data set that is known",
    where: root,
    expected:
      "a dataset.json (Decathlon, nnU-Net), folders sub-* (BIDS), or two folders of files with equal names, such as images/ and labels/ or train/image/ and train/label/",
    found:
      ((await files.list(root)) ?? [])
        .slice(0, 8)
        .map(({ name }) => name)
        .join(", ") || "an empty folder",
    fix: "Give the folder that holds these",
  });
}

async function namesIn(files: FileSystem, folder: string): Promise<string[] | undefined> {
  const entries = await files.list(folder);
  return entries
    ?.filter((entry) => !entry.folder && volumeFormats.some((format) => format.matches(entry.name)))
    .map(({ name }) => name)
    .filter((name) => !/\.img(\.gz)?$/i.test(name))
    .sort(byNumber);
}

async function fromFolders(
  files: FileSystem,
  root: string,
  imageFolder: string,
  images: readonly string[],
  labelFolder: string,
  labels: readonly string[],
  options: DataSetOptions,
): Promise<DataSet> {
  const byStem = new Map(labels.map((name) => [stem(name), name]));
  const alone = labels.find((name) => !images.some((image) => stem(image) === stem(name)));
  if (alone !== undefined && images.some((image) => stem(image) === `${stem(alone)}_0000`))
    fail("not-found", {
      what: "a folder in nnU-Net's layout needs a dataset.json, and there is none",
      where: joinPath(root, "dataset.json"),
      expected:
        '{"channel_names": {"0": "T1"}, "labels": {"background": 0, "lesion": 1}, "numTraining": 30, "file_ending": ".nii.gz"}',
      fix: "Write one that names the channels and the labels of these files",
    });
  if (alone !== undefined)
    fail("bad-data", {
      what: "a label has no image of the same name",
      where: joinPath(root, labelFolder, alone),
      expected: `${joinPath(root, imageFolder, alone)}`,
      fix: "Rename one of the two, or remove the label",
    });
  const cases = images.map((name): Case => {
    const label = byStem.get(stem(name));
    const path = label === undefined ? {} : { label: joinPath(root, labelFolder, label) };
    return { id: stem(name), subject: stem(name), images: [joinPath(root, imageFolder, name)], ...path };
  });
  const flat = images.length > 0 && (await isFlat(files, joinPath(root, imageFolder, images[0]!)));
  const stored = await storedValues(files, cases);
  return {
    kind: "pairs",
    name: baseName(root),
    root,
    channels: options.channels ?? ["image"],
    ...classesOf(overrideLabels(names(stored, options), options.labels)),
    dimensions: flat ? 2 : 3,
    // Files that are numbered and nothing else are slices of one stack.
    stack: flat && images.every((name) => /^\D*\d+$/.test(stem(name))) && onePrefix(images),
    cases,
  };
}

function onePrefix(names: readonly string[]): boolean {
  return new Set(names.map((name) => stem(name).replace(/\d+$/, ""))).size === 1;
}

async function isFlat(files: FileSystem, path: string): Promise<boolean> {
  const { volume } = await readVolumeFrom(files, path);
  return volume.size[2] === 1;
}

/** Label values in the files, which have no table: looked up in all of them, slowly but once. */
async function storedValues(files: FileSystem, cases: readonly Case[]): Promise<number[]> {
  const values = new Set<number>();
  for (const { label } of cases) {
    if (label === undefined) continue;
    const { volume } = await readVolumeFrom(files, label);
    if (volume.data instanceof Uint8Array) {
      const seen = new Uint8Array(256);
      for (let at = 0; at < volume.data.length; at++) seen[volume.data[at]!] = 1;
      seen.forEach((there, value) => {
        if (there) values.add(value);
      });
    } else {
      const [, high] = rangeOf(volume.data);
      for (let at = 0; at < volume.data.length && values.size <= mostLabels; at++)
        values.add(volume.data[at]!);
      if (high > 65535) values.add(high);
    }
    refuseSoftLabels([...values], label);
  }
  return [...values].sort((a, b) => a - b);
}

/** More values than this are grey levels (an image, or a mask saved as JPEG or smoothed), not labels. */
const mostLabels = 128;

function refuseSoftLabels(values: readonly number[], path: string): void {
  const fraction = values.find((x) => !(Number.isInteger(x) && x >= 0 && x <= 65535));
  if (fraction === undefined && values.length <= mostLabels) return;
  fail("bad-data", {
    what:
      fraction === undefined
        ? "the label file holds grey levels"
        : "the label file holds values that are no labels",
    where: path,
    expected: `whole numbers from 0 to 65535, at most ${mostLabels} different ones`,
    found: fraction === undefined ? `${values.length} different values` : `${fraction}`,
    fix: "Round or threshold it where it was made; interpolate labels by nearest neighbour only",
  });
}

/** A name for each stored value: a mask of 0 and one other value has a foreground, else labels are numbered. */
function names(stored: readonly number[], { labels }: DataSetOptions): Map<number, string> {
  const foreground = stored.filter((value) => value !== 0);
  const name = (value: number) =>
    labels?.[value] ?? (foreground.length === 1 ? "foreground" : `label ${value}`);
  return new Map([[0, "background"], ...foreground.map((value): [number, string] => [value, name(value)])]);
}
