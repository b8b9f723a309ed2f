import { readVolume, writeText } from "../../io/node.js";
import type { ExampleCase } from "../../report/data.js";
import { type MontagePanel, montage } from "../../report/montage.js";
import { buildReport } from "../../report/run.js";
import { parametersInWords } from "../../report/words.js";
import { toCanonical } from "../../volume/orient.js";
import type { ImageVolume } from "../../volume/volume.js";
import { casesOf } from "../dataset.node.js";
import { commonParts, picksOf, readEvaluation } from "../report.node.js";
import { paths, readHistory } from "../run-folder.node.js";
import type { EvaluateSummary, ReportRequest, ReportSummary } from "../verbs.js";
import { loadScan, openVolumes } from "./data.node.js";
import { channelsOf, groupOf, levelsOf, noisyScan } from "./evaluate.node.js";
import { readRun } from "./folder.node.js";
import { predictionName } from "./predict.node.js";
import type { Run } from "./run.js";

/** Collect what a run folder holds and write `report.html`. */
export async function reportDenoising({ runDir }: ReportRequest): Promise<ReportSummary> {
  const run = await readRun(runDir);
  const history = await readHistory(runDir);
  const evaluation = await readEvaluation(runDir);
  const critic =
    run.criticParameters === 0 ? "no critic" : `a critic of ${parametersInWords(run.criticParameters)}`;
  const page = buildReport({
    title: `${run.system} on ${run.data.name}`,
    ...commonParts(run, history),
    description: `Generator of ${parametersInWords(run.parameters)} and ${critic}; patches of ${run.config.patch.join(" x ")} voxels with ${[...new Set(run.model.noise)].join(" to ")} % Rician noise; perceptual term: ${run.model.features ?? "none"}`,
    simulated: run.model.simulated,
    ...(evaluation === undefined ? {} : { evaluation, examples: await examplesOf(runDir, run, evaluation) }),
    configuration: {
      ...run.config,
      parameters: run.parameters,
      "critic's parameters": run.criticParameters,
    },
    data: [
      {
        name: run.data.name,
        caseCount: run.data.cases,
        subjectCount: run.data.subjects,
        hash: `sha256:${run.data.sha256}`,
        properties: {
          channel: run.model.channel,
          "voxel size, mm": run.data.spacingsMm,
          "size, voxels": run.data.sizes,
        },
      },
    ],
    splitNote: `${run.split.folds}-fold by ${run.split.by}, fold ${run.split.fold}, seed ${run.split.seed}`,
  });
  await writeText(paths.report(runDir), page);
  return { path: paths.report(runDir) };
}

/** Pictures of the best, the median and the worst case by PSNR over the whole field, at the middle level. */
async function examplesOf(dir: string, run: Run, evaluation: EvaluateSummary): Promise<ExampleCase[]> {
  const levels = levelsOf(run.model.noise);
  const level = levels[levels.length >> 1]!;
  const group = groupOf(level, "whole field");
  const ranked = evaluation.cases
    .map(({ case: id, scores }) => ({ id, psnr: scores[group]?.psnrDb ?? Number.NEGATIVE_INFINITY }))
    .sort((a, b) => b.psnr - a.psnr);
  const dataset = await openVolumes(evaluation.dataDir, channelsOf(run)).catch(() => undefined);
  if (dataset === undefined) return [];
  const examples: ExampleCase[] = [];
  for (const [rank, pick] of picksOf(ranked)) {
    const [one] = casesOf(dataset, [pick.id]);
    const { image } = await loadScan(dataset, one!);
    const file = `${paths.predictions(dir)}/${predictionName(one!.images[0]!)}`;
    const found = toCanonical((await readVolume(file, { as: "float32" })).volume).volume as ImageVolume;
    const { image: noisy } = noisyScan(image, run.seed, pick.id, level);
    examples.push({
      rank,
      case: pick.id,
      score: `PSNR ${pick.psnr.toFixed(2)} dB at ${level} %`,
      ...figureOf(image, noisy, found),
    });
  }
  return examples;
}

/** The middle axial slice and a part of it four times as large: noisy, denoised, clean, and what was taken out. */
export function figureOf(
  clean: ImageVolume,
  noisy: ImageVolume,
  found: ImageVolume,
): Pick<ExampleCase, "figure" | "caption"> {
  const high = slice(clean, 1).data.reduce((a, b) => Math.max(a, b), 0);
  const images = [
    ["noisy", noisy],
    ["denoised", found],
    ["clean", clean],
  ] as const;
  const panel = (name: string, image: ImageVolume, zoom: number): MontagePanel => ({
    ...slice(image, zoom),
    name,
    window: [0, high],
    colors: "grey",
    turned: true,
  });
  const removed = { ...noisy, data: noisy.data.map((value, v) => value - found.data[v]!) };
  const difference = (zoom: number): MontagePanel => ({
    ...slice(removed, zoom),
    name: "taken out",
    window: [-high / 4, high / 4],
    colors: "diverging",
    turned: true,
  });
  return {
    figure: montage({
      panelPixels: 200,
      rows: [1, 4].map((zoom) => [
        ...images.map(([name, image]) => panel(name, image, zoom)),
        difference(zoom),
      ]),
    }),
    caption: `From left to right: noisy, denoised, clean (0 to ${high.toPrecision(3)}), and noisy less denoised (± a quarter of it). Below, the middle four times as large. The patient's right is on the left, the front at the top.`,
  };
}

/** The middle slice along k, or the square of a `zoom`th of its longer side about its middle. */
function slice({ data, size }: ImageVolume, zoom: number): Pick<MontagePanel, "data" | "width" | "height"> {
  const [ni, nj, nk] = size;
  const extent = Math.max(8, Math.floor(Math.max(ni, nj) / zoom));
  const from = [Math.floor((ni - extent) / 2), Math.floor((nj - extent) / 2)] as const;
  const out = new Float32Array(extent * extent);
  for (let y = 0; y < extent; y++)
    for (let x = 0; x < extent; x++) {
      const [i, j] = [x + from[0], y + from[1]];
      if (i < 0 || i >= ni || j < 0 || j >= nj) continue;
      out[y * extent + x] = data[((nk >> 1) * nj + j) * ni + i]!;
    }
  return { data: out, width: extent, height: extent };
}
