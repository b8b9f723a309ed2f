import { fail } from "../../core/errors.js";
import type { Native } from "../../io/case.js";
import { baseName } from "../../io/files.js";
import { loadImage, nodeFiles, writeLabelLike } from "../../io/node.js";
import { makeFolder } from "../../io/whole-folder.node.js";
import { resampleTo } from "../../volume/resample.js";
import type { ImageVolume, LabelVolume } from "../../volume/volume.js";
import { openRunOrFile } from "../open.node.js";
import type { Place } from "../run.js";
import type { PredictRequest, PredictSummary } from "../verbs.js";
import { readRun } from "./folder.node.js";
import { networkOfState, type OpenNetwork, openNetworkFile } from "./network.node.js";
import { networkGrid, prepareImage } from "./prepare.js";
import { mostLikely, predictProbabilities } from "./sliding.js";

export interface PredictOptions {
  readonly mirror?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Classes of a canonical image, on its own grid: prepared, predicted in windows, probabilities resampled back. */
export async function segmentImage(
  { network, model }: OpenNetwork,
  image: ImageVolume,
  where: string,
  { mirror = true, signal }: PredictOptions = {},
): Promise<LabelVolume> {
  const prepared = prepareImage(image, model.preparation, where);
  const probabilities = await predictProbabilities(network, prepared, {
    overlap: model.overlap,
    mirrorAxes: mirror ? model.mirrorAxes : [],
    ...(signal === undefined ? {} : { signal }),
  });
  if (probabilities.some((p) => !Number.isFinite(p)))
    fail("non-finite", {
      what: "the prediction holds values that are not numbers",
      where,
      fix: "Train the model anew",
    });
  const { size, affine } = image;
  if (networkGrid(image, model.preparation) === image)
    return { data: mostLikely(probabilities, network.classes), size, affine, channels: 1 };
  const field = {
    data: probabilities,
    size: prepared.size,
    affine: prepared.affine,
    channels: network.classes,
  };
  const back = resampleTo(field, image, { order: "linear" }) as ImageVolume;
  return { data: mostLikely(back.data, network.classes), size, affine, channels: 1 };
}

/** Open the model of a run folder, or an exported file. */
export function openModelAt(path: string, place?: Place): Promise<OpenNetwork> {
  return openRunOrFile(path, {
    file: (file) => openNetworkFile(file, place),
    record: readRun,
    run: ({ config, model }, state) => networkOfState(config, model, state, place),
  });
}

/** `scan.nii.gz` → `scan_seg.nii.gz`, in the scan's own format where labels can be written in it. */
export function predictionName(scan: string): string {
  const name = baseName(scan);
  const match = /^(.*?)(\.nii(\.gz)?|\.hdr(\.gz)?|\.img(\.gz)?|\.png)$/i.exec(name);
  const [stem, extension] = match === null ? [name, ""] : [match[1]!, match[2]!.toLowerCase()];
  return `${stem}_seg${extension === ".png" ? ".png" : ".nii.gz"}`;
}

/**
 * Predict scans one by one; each result is written before the next scan is read, so that nothing done is lost.
 * When `signal` is aborted the scan in hand is finished, and what is done by then is returned.
 */
export async function predictSegmentation(request: PredictRequest): Promise<PredictSummary> {
  const { scans, outDir, mirror, signal, threads, device } = request;
  const open = await openModelAt(request.model, { threads, device });
  const groups = await groupScans(scans, open.model.channels.length);
  const names = groups.map((group) => predictionName(group[0]!));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined)
    fail("bad-argument", {
      what: `two scans would both be written to ${twice}`,
      fix: "Predict them into different folders",
    });
  await makeFolder(outDir);
  const files: { scan: string; prediction: string }[] = [];
  for (const [at, group] of groups.entries()) {
    if (signal?.aborted) break;
    request.onProgress?.(at, groups.length, group[0]!);
    const { image, native } = await loadImage(group, open.model.channels);
    const labels = await segmentImage(open, image, group[0]!, { mirror });
    const prediction = `${outDir}/${names[at]}`;
    await writePrediction(prediction, labels, native, open.model.labelValues);
    files.push({ scan: group[0]!, prediction });
  }
  request.onProgress?.(files.length, groups.length, "");
  await open.network.executable.dispose();
  return { files };
}

export async function writePrediction(
  path: string,
  labels: LabelVolume,
  native: Native,
  labelValues: readonly number[],
): Promise<void> {
  await writeLabelLike(path, labels, native, labelValues);
}

/** Scans as lists of channel files: with one channel every file is a scan; with more, a 4-D file or a list joined by commas. */
async function groupScans(scans: readonly string[], channels: number): Promise<string[][]> {
  if (scans.length === 0)
    fail("bad-argument", { what: "no scan was given", fix: "Name the files to segment" });
  const groups: string[][] = [];
  for (const scan of scans) {
    const entries = await nodeFiles.list(scan);
    if (entries === undefined) {
      groups.push(channels > 1 && scan.includes(",") ? scan.split(",") : [scan]);
      continue;
    }
    const images = entries.filter(({ name, folder }) => !folder && /\.(nii|nii\.gz|hdr|png)$/i.test(name));
    if (images.length === 0)
      fail("not-found", {
        what: "the folder holds no image",
        where: scan,
        expected: ".nii, .nii.gz, .hdr/.img or .png",
      });
    groups.push(...images.map(({ name }) => [`${scan}/${name}`]));
  }
  return groups;
}
