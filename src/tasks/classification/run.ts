import { z } from "zod";
import { provenanceSchema } from "../../audit/provenance.js";
import { runParts } from "../run.js";
import { classificationSchema } from "./config.js";

const size3 = z.tuple([z.number(), z.number(), z.number()]);
const grid = z.object({ size: size3, affine: z.array(z.number()).length(16) });
const strings = z.array(z.string());

/** What classification needs to know besides the weights; stands in `run.json` and in every exported model. */
export const modelSchema = z.object({
  system: z.string(),
  preset: z.string(),
  task: z.literal("classification"),
  /** Probabilities are those of the second class. */
  classes: z.tuple([z.string(), z.string()]),
  /** The images' suffix: T1w. */
  modality: z.string(),
  /** What images lie on, in the canonical frame; whether their places in the world agreed. */
  grid: grid.extend({ aligned: z.boolean() }),
  input: classificationSchema.shape.input,
  /** What the images are brought to; `positions` are boxes of it, zeros beyond it. */
  prepared: grid,
  positions: z.array(z.object({ start: size3, size: size3 })),
  /** Each position has a network of its own: the first axis of `image` counts positions, not samples. */
  several: z.boolean(),
  normal: z.union([z.literal(0), z.literal(1), z.literal(2)]).nullable(),
  resized: size3.nullable(),
  /** Input `image` and output `probabilities` are `[samples, …shape]` and `[samples, 2]`. */
  shape: z.array(z.number()),
  /** How much each position says in the mean over positions, together 1. */
  votes: z.array(z.number()),
  simulated: z.boolean(),
});

export type ClassificationModel = z.infer<typeof modelSchema>;

/** `run.json`: everything needed to repeat or resume a run. */
export const runSchema = z.object({
  ...runParts,
  config: classificationSchema,
  model: modelSchema,
  data: z.object({
    root: z.string(),
    options: z.object({ channels: strings.optional(), derivative: z.string().optional() }).strict(),
    name: z.string(),
    cases: z.number(),
    subjects: z.number(),
    /** Of images, digests and diagnoses of the rows that were used. */
    sha256: z.string(),
    spacingsMm: z.string(),
    sizes: z.string(),
    /** How many subjects and images of each class, and how many rows of the table were left out. */
    classes: z.record(z.string(), z.object({ subjects: z.number(), cases: z.number() })),
    omitted: z.number(),
  }),
  provenance: z.array(provenanceSchema),
  /** Where the first weights come from; null: drawn at random. */
  init: z.object({ run: z.string(), sha256: z.string(), classes: strings, taken: z.number() }).nullable(),
  /** Of each position on the subjects that the weights were chosen by; null: not known yet, or nobody was set aside. */
  positionAccuracies: z.array(z.number()).nullable(),
});

export type Run = z.infer<typeof runSchema>;
