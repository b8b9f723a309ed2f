import { z } from "zod";
import { runParts } from "../run.js";
import { superresolutionSchema } from "./config.js";

/** What super-resolution needs to know besides the weights; stands in `run.json` and in every exported model. */
export const modelSchema = z.object({
  system: z.string(),
  preset: z.string(),
  task: z.literal("superresolution"),
  /** The one channel that it was trained on. */
  channel: z.string(),
  acquisition: z.enum(["2d", "3d"]),
  /** What was learnt: slices every `sliceMm`, `thicknessMm` thick, in voxels of `targetMm`. */
  sliceMm: z.number(),
  thicknessMm: z.number(),
  targetMm: z.number(),
  profile: z.string(),
  /** Angles along which the networks are applied, over half a turn. */
  directions: z.number(),
  /** Exponent of the Fourier burst accumulation. */
  burst: z.union([z.number(), z.literal("infinity")]),
  /** Slices, height and width of the inputs of an exported model. */
  window: z.tuple([z.number(), z.number(), z.number()]),
  /** Voxels that a slice's value depends on to either side. */
  reach: z.number(),
  /** The percentile of a scan's voxels that is 1 for the networks: see `scaleOf`. */
  referencePercentile: z.number(),
  simulated: z.boolean(),
});

export type SuperresolutionModel = z.infer<typeof modelSchema>;

/** `run.json`: everything needed to repeat or resume a run. */
export const runSchema = z.object({
  ...runParts,
  config: superresolutionSchema,
  model: modelSchema,
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
