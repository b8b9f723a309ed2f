import { z } from "zod";
import { unetExtents } from "../../models/unet.js";
import { type Augmentation, augmentations, defineAugmentation } from "../../transforms/augmentation.js";
import { trainingSettings, withSettings } from "../settings.js";

const positive = z.number().positive();
const size3 = z.tuple([
  z.number().int().positive(),
  z.number().int().positive(),
  z.number().int().positive(),
]);

/** Everything that decides a segmentation run, as plain data: it stands in `run.json`. */
export const segmentationSchema = z
  .object({
    ...trainingSettings,
    /** Spatial axes of the network; 2 takes volumes slice by slice along the third axis. */
    dimensions: z.union([z.literal(2), z.literal(3)]),
    network: z
      .object({
        widths: z.array(z.number().int().positive()).min(1),
        depth: z.number().int().positive(),
        norm: z.enum(["none", "batch", "instance"]),
        slope: z.number().min(0).lt(1),
        padding: z.enum(["same", "valid"]),
        down: z.enum(["stride", "maxPool"]),
        dropout: z.number().min(0).lt(1),
      })
      .strict(),
    /** Voxels along i, j, k of a training patch; "auto": the median training image, within `patchVoxels`. */
    patch: z.union([z.literal("auto"), size3]),
    patchVoxels: z.number().int().positive(),
    /** Voxel size that images are resampled to; "median" of the training images; "native": as they are. */
    spacingMm: z.union([z.enum(["native", "median"]), z.tuple([positive, positive, positive])]),
    normalization: z.enum(["zscore", "zscore-nonzero", "minmax"]),
    loss: z
      .object({
        crossEntropy: z.number().min(0),
        dice: z.number().min(0),
        /** Ronneberger's weight map: w0 exp(-(d1 + d2)² / 2 σ²) on top of the class weights, 2-D only. */
        border: z.object({ weight: positive, sigmaPixels: positive }).strict().nullable(),
        /** Weigh classes by their inverse frequency in the training labels. */
        balanceClasses: z.boolean(),
      })
      .strict(),
    augmentation: z.union([
      z.enum(Object.keys(augmentations) as [string, ...string[]]),
      z.record(z.string(), z.unknown()),
    ]),
    /** How often a patch is placed on a labelled voxel. */
    foreground: z.number().min(0).max(1),
    /** Overlap of prediction windows, as a part of the patch. */
    overlap: z.number().min(0).lt(1),
  })
  .strict()
  .superRefine((config, context) => {
    const problem = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: path.split("."), message });
    const { dimensions, network, patch, loss } = config;
    if (loss.border !== null && dimensions === 3) problem("loss.border", "border weights are for 2-D only");
    if (loss.crossEntropy === 0 && loss.dice === 0)
      problem("loss", "crossEntropy and dice are both 0: nothing would be learned");
    if (patch === "auto") {
      if (network.padding === "valid")
        problem("patch", "valid convolutions need the patch given, e.g. --set patch=572,572,1");
      return;
    }
    if (dimensions === 2 && patch[2] !== 1)
      problem("patch", `a 2-D patch is 1 voxel along the third axis, not ${patch[2]}`);
    const extents = unetExtents(patch.slice(0, dimensions), network);
    if (extents !== undefined) problem("patch", `${patch.join("x")}; the network wants ${extents}`);
  });

export type SegmentationConfig = z.infer<typeof segmentationSchema>;

/** The augmentation that a configuration names or spells out. */
export function augmentationOf(config: SegmentationConfig): Augmentation {
  const { augmentation } = config;
  if (typeof augmentation === "string") return augmentations[augmentation as keyof typeof augmentations];
  return defineAugmentation(augmentation as Parameters<typeof defineAugmentation>[0]);
}

/** A preset with `--set` changes applied: see `withSettings`. */
export function withChanges(
  preset: SegmentationConfig,
  changes: Readonly<Record<string, string>>,
): SegmentationConfig {
  return withSettings(segmentationSchema, Object.keys(segmentationSchema.shape), preset, changes);
}
