import { z } from "zod";
import { runParts } from "../run.js";
import { denoisingSchema } from "./config.js";

const size3 = z.tuple([z.number(), z.number(), z.number()]);

/** What denoising needs to know besides the weights; stands in `run.json` and in every exported model. */
export const modelSchema = z.object({
  system: z.string(),
  preset: z.string(),
  task: z.literal("denoising"),
  /** The one channel that it was trained on. */
  channel: z.string(),
  /** Input `noisy` and output `clean` are `[1, 1, k, j, i]` of these extents along i, j, k. */
  window: size3,
  overlap: z.number(),
  /** The percentile of a volume's voxels that is 1 for the network: see `referenceOf`. */
  referencePercentile: z.number(),
  /** What is 1 for the network: that percentile, or ten times the standard deviation of the noise. */
  units: z.enum(["reference", "noise"]).default("reference"),
  /** Percent of the brightest voxel that it was trained with. */
  noise: z.tuple([z.number(), z.number()]),
  /** What the perceptual term judged by, in words; null: there was none. */
  features: z.string().nullable(),
  simulated: z.boolean(),
});

export type DenoisingModel = z.infer<typeof modelSchema>;

/** `run.json`: everything needed to repeat or resume a run. */
export const runSchema = z.object({
  ...runParts,
  config: denoisingSchema,
  model: modelSchema,
  /** Learned numbers of the critic, which predictions do not need; 0: none. */
  criticParameters: z.number(),
  /** SHA-256 of the judging features' weights; null: none, or random ones. */
  featuresSha256: z.string().nullable(),
  data: z.object({
    root: z.string(),
    options: z.object({ channels: z.array(z.string()).optional() }).strict(),
    name: z.string(),
    cases: z.number(),
    subjects: z.number(),
    sha256: z.string(),
    spacingsMm: z.string(),
    sizes: z.string(),
  }),
});

export type Run = z.infer<typeof runSchema>;
