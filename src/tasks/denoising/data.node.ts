import { fail } from "../../core/errors.js";
import type { Native } from "../../io/case.js";
import type { Case, DataSet, DataSetOptions } from "../../io/dataset.js";
import { baseName, joinPath } from "../../io/files.js";
import { loadCase, loadImage, nodeFiles, openDataSet } from "../../io/node.js";
import type { ImageVolume, LabelVolume } from "../../volume/volume.js";

const scanName = /\.(nii(\.gz)?|hdr)$/i;

/**
 * Any data set of volumes, labels or not, or a folder of scans, each a subject of its own. Throws `bad-data` for several
 * channels and for pictures.
 */
export async function openVolumes(root: string, { channels }: DataSetOptions = {}): Promise<DataSet> {
  const dataset = await openAny(root, channels === undefined ? {} : { channels });
  if (dataset.channels.length !== 1)
    fail("bad-data", {
      what: "one kind of image is denoised at a time",
      where: root,
      expected: "1 channel",
      found: dataset.channels.join(", "),
      fix: `Choose one: --channels ${dataset.channels[0]}`,
    });
  if (dataset.dimensions !== 3)
    fail("unsupported", {
      what: "volumes are denoised, not pictures",
      where: root,
      expected: "3-D images",
      found: "2-D images",
    });
  return dataset;
}

async function openAny(root: string, options: DataSetOptions): Promise<DataSet> {
  const entries = (await nodeFiles.list(root)) ?? [];
  const known = entries.some(({ name, folder }) => (folder ? /^sub-/.test(name) : name === "dataset.json"));
  const scans = entries.filter(({ name, folder }) => !folder && scanName.test(name)).map(({ name }) => name);
  if (known || scans.length === 0) return openDataSet(root, options);
  const cases = scans.sort().map((name): Case => {
    const id = name.replace(scanName, "");
    return { id, subject: id, images: [joinPath(root, name)] };
  });
  return {
    kind: "pairs",
    name: baseName(root),
    root,
    channels: options.channels ?? ["image"],
    labels: [],
    background: "background",
    labelValues: [0],
    dimensions: 3,
    stack: false,
    cases,
  };
}

/** A scan with what is known of it, in the canonical frame. */
export interface LoadedScan {
  readonly image: ImageVolume;
  /** Where something is labelled: scores inside it are told apart. */
  readonly label?: LabelVolume;
  readonly native: Native;
}

/** Load a scan that is taken for clean: no label is read. Throws `bad-data` for negative values. */
export async function loadClean(dataset: DataSet, { images }: Case): Promise<ImageVolume> {
  const { image } = await loadImage(images, dataset.channels);
  return requireMagnitude(image, images[0]!);
}

/** Load a scan with its label, where there is one. */
export async function loadScan(dataset: DataSet, one: Case): Promise<LoadedScan> {
  const { image, label, native } = await loadCase(dataset, one);
  requireMagnitude(image, one.images[0]!);
  return { image, native, ...(label === undefined ? {} : { label }) };
}

function requireMagnitude(image: ImageVolume, where: string): ImageVolume {
  const low = image.data.reduce((a, b) => Math.min(a, b), 0);
  if (low < 0)
    fail("bad-data", {
      what: "magnitudes cannot be negative",
      where,
      expected: "values of 0 and above, to which Rician noise can be added",
      found: `${low}`,
      fix: "Use the scans before they were normalised",
    });
  return image;
}
