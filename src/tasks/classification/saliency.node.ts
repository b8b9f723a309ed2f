import { fail } from "../../core/errors.js";
import { writeVolume } from "../../io/node.js";
import type { ExampleCase } from "../../report/data.js";
import { type MontagePanel, montage } from "../../report/montage.js";
import { applyAffine, spacingMm } from "../../volume/affine.js";
import type { ImageVolume, Size3 } from "../../volume/volume.js";
import { placeOf } from "../run.js";
import { bestCheckpoint, paths } from "../run-folder.node.js";
import { samplesAtOnce } from "./apply.js";
import type { TrainingImage } from "./batches.js";
import { saliencyProgram } from "./model.js";
import { compiled, networkOfState } from "./network.node.js";
import type { Run } from "./run.js";
import { gradientMap, occlusionFor, occlusionMap } from "./saliency.js";

/** Where a classifier looks, on average over some subjects; all on the prepared grid. */
export interface Saliency {
  readonly mean: ImageVolume;
  /** Absolute gradients over their largest mean: 0 to 1. */
  readonly gradient: ImageVolume;
  /** Probability of the right class that is lost. */
  readonly occlusion: ImageVolume;
  readonly subjects: readonly string[];
  readonly box: Size3;
}

/** Average the maps of some subjects' images. */
export async function saliencyOf(dir: string, run: Run, images: readonly TrainingImage[]): Promise<Saliency> {
  const [first] = images;
  if (first === undefined)
    fail("bad-argument", { what: "there is nobody to look at", where: dir, fix: "Give at least one image" });
  const { state } = await bestCheckpoint(dir);
  const { config, model } = run;
  const networks = model.several ? model.positions.length : 1;
  const program = saliencyProgram(config.network, model.shape, samplesAtOnce(model), networks);
  const gradients = await compiled(program, state, placeOf(run));
  const classifier = await networkOfState(config, model, state, placeOf(run));
  const occlusion = occlusionFor(first.image.size);
  const sums = [0, 1, 2].map(() => new Float32Array(first.image.data.length));
  for (const { image, label } of images) {
    const parts = [
      image.data,
      scaledToOne(await gradientMap(gradients, model, image)),
      await occlusionMap(classifier, image, label === 1, occlusion),
    ];
    parts.forEach((part, n) => {
      const sum = sums[n]!;
      for (let v = 0; v < sum.length; v++) sum[v]! += part[v]! / images.length;
    });
  }
  await gradients.dispose();
  await classifier.executable.dispose();
  const asImage = (data: Float32Array): ImageVolume => ({ ...first.image, data });
  return {
    mean: asImage(sums[0]!),
    gradient: asImage(scaledToOne(sums[1]!)),
    occlusion: asImage(sums[2]!),
    subjects: images.map(({ subject }) => subject),
    box: occlusion.box,
  };
}

function scaledToOne(map: Float32Array): Float32Array {
  const top = map.reduce((a, b) => Math.max(a, b), 0);
  return top === 0 ? map : map.map((value) => value / top);
}

/** Write both maps beside the predictions, to be laid over the images in any viewer. */
export async function writeSaliency(dir: string, { gradient, occlusion }: Saliency): Promise<void> {
  const folder = paths.predictions(dir);
  await writeVolume(`${folder}/saliency-gradient.nii.gz`, gradient);
  await writeVolume(`${folder}/saliency-occlusion.nii.gz`, occlusion);
}

/** The maps in slices over the mean image: axial ones and the coronal one through the largest loss. */
export function saliencyFigure({ mean, gradient, occlusion, subjects, box }: Saliency): ExampleCase {
  const peak = peakOf(occlusion);
  const [x, y, z] = applyAffine(mean.affine, peak).map((mm) => mm.toFixed(0));
  const depth = mean.size[2];
  const axial = [0.25, 0.4, 0.55, 0.7].map((share) => Math.round(share * (depth - 1)));
  const high = mean.data.reduce((a, b) => Math.max(a, b), 0);
  const most = occlusion.data.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-6);
  const row = (
    image: ImageVolume,
    window: readonly [number, number],
    colors: MontagePanel["colors"] & string,
  ): MontagePanel[] => [
    ...[...axial, peak[2]].map((k) => ({ ...sliceOf(image, 2, k), window, colors, turned: true })),
    { ...sliceOf(image, 1, peak[1]), window, colors, turned: true },
  ];
  return {
    rank: "where it looks",
    case: `${subjects.length} held-out subjects`,
    caption: `Mean image of the subjects; absolute gradient of the decision over its largest value; probability of the right class lost (red) or won (blue) where a box of ${box.join(" x ")} voxels is covered, ± ${most.toPrecision(2)}. Columns: four axial slices from below, the axial and the coronal one through the largest loss, at ${x}, ${y}, ${z} mm. The patient's right is on the left.`,
    figure: montage({
      panelPixels: 150,
      rows: [
        row(mean, [0, high], "grey"),
        row(gradient, [0, 1], "hot"),
        row(occlusion, [-most, most], "diverging"),
      ],
    }),
  };
}

function peakOf({ data, size: [ni, nj] }: ImageVolume): Size3 {
  let best = 0;
  for (let v = 1; v < data.length; v++) if (data[v]! > data[best]!) best = v;
  return [best % ni, Math.floor(best / ni) % nj, Math.floor(best / (ni * nj))];
}

/** A slice in a square field, a pixel as wide as it is high in millimetres. */
function sliceOf(
  { data, size, affine }: ImageVolume,
  axis: 1 | 2,
  at: number,
): Pick<MontagePanel, "data" | "width" | "height"> {
  const [ni, nj] = size;
  const spacing = spacingMm(affine);
  const other = axis === 2 ? 1 : 2;
  const [wide, tall] = [ni * spacing[0], size[other] * spacing[other]];
  const field = Math.max(wide, tall);
  const extent = 128;
  const out = new Float32Array(extent * extent);
  for (let v = 0; v < extent; v++)
    for (let u = 0; u < extent; u++) {
      const i = Math.floor((((u + 0.5) / extent) * field - (field - wide) / 2) / spacing[0]);
      const b = Math.floor((((v + 0.5) / extent) * field - (field - tall) / 2) / spacing[other]);
      if (i < 0 || i >= ni || b < 0 || b >= size[other]) continue;
      const [j, k] = axis === 2 ? [b, at] : [at, b];
      out[v * extent + u] = data[(k * nj + j) * ni + i]!;
    }
  return { data: out, width: extent, height: extent };
}
