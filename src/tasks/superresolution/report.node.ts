import { readVolume, writeText } from "../../io/node.js";
import type { ExampleCase } from "../../report/data.js";
import { type MontagePanel, montage } from "../../report/montage.js";
import { buildReport } from "../../report/run.js";
import { parametersInWords } from "../../report/words.js";
import { toIsotropic } from "../../volume/isotropic.js";
import { resampleTo } from "../../volume/resample.js";
import type { ImageVolume } from "../../volume/volume.js";
import { casesOf } from "../dataset.node.js";
import { commonParts, picksOf, readEvaluation } from "../report.node.js";
import { paths, readHistory } from "../run-folder.node.js";
import type { EvaluateSummary, ReportRequest, ReportSummary } from "../verbs.js";
import { openScans, readScan } from "./data.node.js";
import { channelsOf, type Trial, trialOf } from "./evaluate.node.js";
import { readRun } from "./folder.node.js";
import { predictionName } from "./predict.node.js";
import type { Run, SuperresolutionModel } from "./run.js";

/** Collect what a run folder holds and write `report.html`. */
export async function reportSuperresolution({ runDir }: ReportRequest): Promise<ReportSummary> {
  const run = await readRun(runDir);
  const history = await readHistory(runDir);
  const evaluation = await readEvaluation(runDir);
  const page = buildReport({
    title: `${run.system} on ${run.data.name}`,
    ...commonParts(run, history),
    description: describe(run),
    simulated: run.model.simulated,
    ...(evaluation === undefined ? {} : { evaluation, examples: await examplesOf(runDir, run, evaluation) }),
    configuration: { ...run.config, parameters: run.parameters },
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
    splitNote:
      run.split.validation.length === 0
        ? "nothing is held out: the networks learn from the scan that they are for"
        : `${run.split.folds}-fold by ${run.split.by}, fold ${run.split.fold}, seed ${run.split.seed}`,
  });
  await writeText(paths.report(runDir), page);
  return { path: paths.report(runDir) };
}

function describe({ model, config, parameters }: Run): string {
  const show = (mm: number): string => `${Number(mm.toPrecision(4))} mm`;
  const kind =
    model.acquisition === "2d"
      ? "self anti-aliasing and self super-resolution (2-D acquisition)"
      : "self super-resolution (3-D acquisition)";
  return `${kind}; EDSR of ${config.network.blocks} blocks with ${config.network.width} channels, ${parametersInWords(parameters)} in all; slices ${show(model.thicknessMm)} thick every ${show(model.sliceMm)}, made to voxels of ${show(model.targetMm)}`;
}

/** Pictures of the best, the median and the worst case by PSNR. */
async function examplesOf(dir: string, run: Run, evaluation: EvaluateSummary): Promise<ExampleCase[]> {
  const psnrOf = (found: EvaluateSummary["cases"][number]["scores"]): number =>
    Object.values(found)[0]?.psnrDb ?? Number.NEGATIVE_INFINITY;
  const ranked = evaluation.cases
    .map(({ case: id, scores }) => ({ id, psnr: psnrOf(scores) }))
    .sort((a, b) => b.psnr - a.psnr);
  const dataset = await openScans(evaluation.dataDir, channelsOf(run)).catch(() => undefined);
  if (dataset === undefined) return [];
  const examples: ExampleCase[] = [];
  for (const [rank, pick] of picksOf(ranked)) {
    const [one] = casesOf(dataset, [pick.id]);
    const { scan } = await readScan(one!.images[0]!);
    const trial = trialOf(scan, run.model, one!.images[0]);
    const file = `${paths.predictions(dir)}/${predictionName(one!.images[0]!)}`;
    const found = (await readVolume(file, { as: "float32" })).volume as ImageVolume;
    examples.push({
      rank,
      case: pick.id,
      score: `PSNR ${pick.psnr.toFixed(2)} dB`,
      ...figureOf(trial, found, run.model),
    });
  }
  return examples;
}

/** A plane across the slices and a part of it four times as large: interpolated, restored, truth, and both errors. */
function figureOf(
  { truth, thick }: Trial,
  found: ImageVolume,
  { targetMm, acquisition }: SuperresolutionModel,
): Pick<ExampleCase, "figure" | "caption"> {
  const method = acquisition === "2d" ? "cubic" : "fourier";
  const plain = resampleTo(toIsotropic(thick, { method, targetMm, force: true }), truth, { order: "cubic" });
  // Slices lie along k of a thickened scan, along j of a scan's own slices.
  const along = truth.size[2] === thick.size[2] ? 1 : 2;
  const high = truth.data.reduce((a, b) => Math.max(a, b), 0);
  const less = (image: ImageVolume): ImageVolume => ({
    ...image,
    data: image.data.map((value, v) => value - truth.data[v]!),
  });
  const rows = [1, 4].map((zoom) => {
    const panel = (
      name: string,
      image: ImageVolume,
      window: [number, number],
      colors: "grey" | "diverging",
    ): MontagePanel => ({
      ...plane(image, along, zoom),
      name,
      window,
      colors,
      turned: true,
    });
    return [
      panel("interpolated", plain, [0, high], "grey"),
      panel("restored", found, [0, high], "grey"),
      panel("truth", truth, [0, high], "grey"),
      panel("interpolated, error", less(plain), [-high / 4, high / 4], "diverging"),
      panel("restored, error", less(found), [-high / 4, high / 4], "diverging"),
    ];
  });
  return {
    figure: montage({ panelPixels: 180, rows }),
    caption: `From left to right: interpolated, restored, truth (0 to ${high.toPrecision(3)}), and the errors of the first two (± a quarter of it). Slices lie one above the other. Below, the middle four times as large.`,
  };
}

/** The middle plane of i and the axis across the slices, or the square of a `zoom`th of its longer side about its middle. */
function plane(
  { data, size }: ImageVolume,
  along: 1 | 2,
  zoom: number,
): Pick<MontagePanel, "data" | "width" | "height"> {
  const [wide, tall] = [size[0], size[along]];
  const other = along === 1 ? size[2] >> 1 : size[1] >> 1;
  const extent = Math.max(8, Math.floor(Math.max(wide, tall) / zoom));
  const from = [Math.floor((wide - extent) / 2), Math.floor((tall - extent) / 2)] as const;
  const out = new Float32Array(extent * extent);
  for (let y = 0; y < extent; y++)
    for (let x = 0; x < extent; x++) {
      const [i, n] = [x + from[0], y + from[1]];
      if (i < 0 || i >= wide || n < 0 || n >= tall) continue;
      const [j, k] = along === 1 ? [n, other] : [other, n];
      out[y * extent + x] = data[(k * size[1] + j) * size[0] + i]!;
    }
  return { data: out, width: extent, height: extent };
}
