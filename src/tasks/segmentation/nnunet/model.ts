import { z } from "zod";
import { type Configuration, configurationOf, planSchema } from "./plan.js";

/** What a prediction needs to know besides the weights; stands in a fold's `run.json` and in every exported model. */
export const modelSchema = z.object({
  system: z.string(),
  preset: z.string(),
  task: z.literal("segmentation"),
  method: z.literal("nnunet"),
  configuration: z.enum(["2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"]),
  /** The plan as it was trained: `configuration` has the widths, the patch and the batch that the preset made of it. */
  plan: planSchema,
  /** Axes of the network along which training patches were mirrored: 0 is the first of the patch. */
  mirrorAxes: z.array(z.number()),
  /** Of prediction windows, as a part of the patch. */
  overlap: z.number(),
  /** Whether the images that it was trained on were simulated. */
  simulated: z.boolean(),
});

export type NnunetModel = z.infer<typeof modelSchema>;

/** The configuration that a model was trained with. */
export function trainedConfiguration({ plan, configuration }: NnunetModel): Configuration {
  return configurationOf(plan, configuration);
}
