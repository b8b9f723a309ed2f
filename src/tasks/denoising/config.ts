import { z } from "zod";
import { trainingSettings, withSettings } from "../settings.js";

const count = z.number().int().positive();
const size3 = z.tuple([count, count, count]);
const weight = z.number().min(0);

/** Everything that decides a denoising run, as plain data: it stands in `run.json`. */
export const denoisingSchema = z
  .object({
    ...trainingSettings,
    network: z
      .object({
        /** Channels of the generator's encoder; the decoder's are the same backwards. */
        widths: z.array(count).min(1),
        /** Of the generator's convolutions: see `DenoisingGeneratorOptions`. */
        norm: z.enum(["batch", "none"]).default("batch"),
        /** How fast the running statistics of the batch norms follow. */
        momentum: z.number().gt(0).max(1),
        /** Begin as the identity instead of at random. */
        identityAtFirst: z.boolean(),
      })
      .strict(),
    /** Trained where `loss.adversarial` is not 0. */
    critic: z
      .object({
        widths: z.array(count).min(1),
        head: z.enum(["full", "pooled"]),
        /** Steps of the critic for each one of the generator. */
        steps: count,
        /** Of its gradient's distance from norm 1. */
        penalty: weight,
        /** Times the learning rate of the generator. */
        rate: z.number().positive(),
      })
      .strict(),
    /** What the generator minimises is the sum of these, each times its weight. */
    loss: z
      .object({
        mse: weight,
        /** Mean squared difference of the features' results. */
        perceptual: weight,
        /** Minus what the critic thinks of the result. */
        adversarial: weight,
      })
      .strict(),
    /** The judge of the perceptual term: the first levels of a U-Net's encoder. Used where its weight is not 0. */
    features: z
      .object({
        /** The folder of a run of segment-unet with instance norm; null: filters drawn at random from the seed and never trained. */
        run: z.string().nullable(),
        /** Channels of the levels of random filters. */
        widths: z.array(count).min(1),
        /** How many levels of a trained run's encoder. */
        levels: count,
      })
      .strict(),
    /**
     * What the network takes as 1: "reference", a high percentile of the noisy volume; "noise", ten times the standard
     * deviation of its noise, which is told or estimated for every scan, so that all levels look alike.
     */
    units: z.enum(["reference", "noise"]).default("reference"),
    /** Percent of a volume's brightest voxel, drawn anew between these for every patch; equal: one level. */
    noise: z.tuple([z.number().min(0).max(50), z.number().min(0).max(50)]),
    /** Voxels along i, j, k that are trained on. */
    patch: size3,
    /** Voxels along i, j, k that are denoised at once. */
    window: size3,
    /** Part of a window that its neighbours overlap. */
    overlap: z.number().min(0).max(0.9),
    /** Part of the patches that lie around a voxel that is brighter than air. */
    foreground: z.number().min(0).max(1),
    /** Patches are mirrored along each axis by chance. */
    mirror: z.boolean(),
  })
  .strict()
  .refine(({ noise: [low, high] }) => low <= high && high > 0, {
    path: ["noise"],
    message: "the lower level comes first, and the higher one is above 0",
  })
  .refine(({ units, noise: [low] }) => units === "reference" || low > 0, {
    path: ["units"],
    message: "units of the noise need some: the lower level is above 0",
  })
  .refine(({ loss }) => loss.mse + loss.perceptual + loss.adversarial > 0, {
    path: ["loss"],
    message: "one of the weights is above 0",
  });

export type DenoisingConfig = z.infer<typeof denoisingSchema>;

/** A preset with `--set` changes applied: see `withSettings`. */
export function withChanges(
  preset: DenoisingConfig,
  changes: Readonly<Record<string, string>>,
): DenoisingConfig {
  return withSettings(denoisingSchema, Object.keys(preset), preset, changes);
}
