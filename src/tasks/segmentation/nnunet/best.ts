import { z } from "zod";
import { parseJson } from "../../../io/json.js";
import { postprocessingSchema } from "./postprocess.js";

/** Name of the record of what was chosen, in the experiment's folder. */
export const bestFile = "best.json";

const ensembleSchema = z.array(z.enum(["2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"])).min(1);

/** Dice of every label or region: the mean over cases in which it is defined; null where there is none. */
const scoresSchema = z.record(z.string(), z.number().nullable());

const candidateSchema = z
  .object({
    ensemble: ensembleSchema,
    /** The mean over labels of the mean over cases. */
    meanForegroundDice: z.number(),
    labels: scoresSchema,
  })
  .strict();

/** `best.json`: what `gyrus find-best` compared, what it chose and why. */
export const bestSchema = z
  .object({
    format: z.literal("gyrus nnunet best"),
    version: z.literal(1),
    /** The choice in a sentence. */
    sentence: z.string(),
    ensemble: ensembleSchema,
    postprocessing: postprocessingSchema,
    /** The chosen ensemble with its post-processing. */
    crossValidation: z.object({ meanForegroundDice: z.number(), labels: scoresSchema }).strict(),
    /** What all were compared on: these folds' held-out cases. */
    folds: z.array(z.number().int()).min(1),
    cases: z.number().int(),
    /** Configurations and pairs, best first, before post-processing. */
    candidates: z.array(candidateSchema).min(1),
    /** Steps of post-processing that were tried, in their order. */
    decisions: z.array(
      z
        .object({
          keepLargest: z.array(z.number().int()),
          name: z.string(),
          kept: z.boolean(),
          reason: z.string(),
          before: z.number(),
          after: z.number(),
        })
        .strict(),
    ),
    /** Configurations that could not be compared, and why. */
    notes: z.array(z.string()),
  })
  .strict();

/** See `bestSchema`. */
export type Best = z.infer<typeof bestSchema>;
export type Candidate = z.infer<typeof candidateSchema>;

/** Read `best.json`, checked: throws `bad-file` that names the file and the key. */
export function parseBest(text: string, path: string): Best {
  return parseJson(bestSchema, text, path);
}
