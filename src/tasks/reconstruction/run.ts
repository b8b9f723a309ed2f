import { z } from "zod";
import { runParts } from "../run.js";
import { reconstructionSchema } from "./config.js";
import { inputChannels } from "./input.js";

/** What a reconstruction needs to know besides the weights; stands in `run.json` and in every exported model. */
export const modelSchema = z.object({
  system: z.string(),
  preset: z.string(),
  task: z.literal("reconstruction"),
  /** The scanner that it has learnt: sinograms of any other are refused. */
  geometry: z.object({
    views: z.number(),
    bins: z.number(),
    binSizeMm: z.number(),
    axisBin: z.number().exactOptional(),
    startDegrees: z.number(),
    imageSize: z.number(),
    pixelSizeMm: z.number(),
  }),
  /** Channels of the input `sinogram` `[1, channel, view, bin]`: see `networkInput`. */
  inputs: z.array(z.enum(inputChannels)),
  /** Of the output `image` `[1, 1, j, i]`: times the slice's mean activity it is this. */
  unit: z.literal("kBq/ml"),
  /** Prompts of a slice that it was trained with. */
  counts: z.tuple([z.number(), z.number()]),
  /** Blur of the scanner that it has learnt to undo. */
  psfFwhmMm: z.number(),
  simulated: z.boolean(),
});

export type ReconstructionModel = z.infer<typeof modelSchema>;

/** `run.json`: everything needed to repeat or resume a run. */
export const runSchema = z.object({
  ...runParts,
  config: reconstructionSchema,
  model: modelSchema,
  data: z.object({
    root: z.string(),
    name: z.string(),
    scans: z.number(),
    phantoms: z.number(),
    sha256: z.string(),
    /** Fewest and most prompts of a slice as recorded. */
    counts: z.tuple([z.number(), z.number()]),
  }),
});

export type Run = z.infer<typeof runSchema>;
