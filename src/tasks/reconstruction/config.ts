import { z } from "zod";
import { trainingSettings, withSettings } from "../settings.js";
import { familyOf, inputChannels } from "./input.js";

const count = z.number().int().positive();
const counts = z.number().min(1).max(1e10);

/** Everything that decides a reconstruction run, as plain data: it stands in `run.json`. */
export const reconstructionSchema = z
  .object({
    ...trainingSettings,
    network: z
      .object({
        encoder: z
          .array(
            z
              .object({ convs: count, channels: count, stride: z.union([z.literal(1), z.literal(2)]) })
              .strict(),
          )
          .min(1),
        /** The last stage's size is the image's. */
        decoder: z.array(z.object({ size: count, convs: count, channels: count }).strict()).min(1),
        /** Extents of the first kernels; the others have 3. */
        kernels: z.array(count),
        /** How fast the running statistics of the batch norms follow. */
        momentum: z.number().gt(0).max(1),
        /** For linograms: how their views are joined to feature images, which the stages then work on. Null for other inputs. */
        join: z
          .object({
            kernel: count,
            channels: count,
            reach: count,
            features: count,
          })
          .strict()
          .nullable()
          .default(null),
        /** Learn the difference to the first input channel, or feature, which has to be an image; with skips. */
        residual: z.boolean(),
      })
      .strict(),
    /** What the network is shown of a slice: see `inputChannels`. */
    inputs: z.array(z.enum(inputChannels)).min(1),
    /**
     * "fresh": every slice is counted anew whenever it is seen, with `counts` of prompts expected; "recorded": always
     * the counts of the data set.
     */
    noise: z.enum(["fresh", "recorded"]),
    /** Expected prompts of a training slice, drawn between these, evenly in their logarithm. */
    counts: z.tuple([counts, counts]),
    /** Half of the training slices have left and right exchanged; with fresh noise only. */
    mirror: z.boolean(),
  })
  .strict()
  .superRefine(({ counts: [low, high], network, inputs }, context) => {
    const problem = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: path.split("."), message });
    if (low > high) problem("counts", `the lower bound ${low} lies above the upper one, ${high}`);
    const family = familyOf(inputs);
    if (family === undefined)
      problem("inputs", "sinograms, linograms and images cannot be channels of one input");
    if ((family === "linogram") !== (network.join !== null))
      problem("network.join", "linograms want their views joined, and nothing else does");
    if (network.residual && network.join === null && inputs[0] !== "backprojection")
      problem("network.residual", "only a backprojection, as the first input, can be added to the output");
    const kernels = [...network.kernels, ...(network.join === null ? [] : [network.join.kernel])];
    if (kernels.some((extent) => extent % 2 === 0))
      problem("network.kernels", "kernels need a middle: odd extents");
  });

export type ReconstructionConfig = z.infer<typeof reconstructionSchema>;

/** A preset with `--set` changes applied: see `withSettings`. */
export function withChanges(
  preset: ReconstructionConfig,
  changes: Readonly<Record<string, string>>,
): ReconstructionConfig {
  return withSettings(reconstructionSchema, Object.keys(reconstructionSchema.shape), preset, changes);
}
