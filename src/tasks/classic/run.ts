import { z } from "zod";
import { honestyParts } from "../../audit/run-facts.js";
import { runParts } from "../run.js";
import { classicSchema } from "./config.js";

const size3 = z.tuple([z.number(), z.number(), z.number()]);

/** What classification by features needs to know besides the weights; stands in `run.json` and in `model.onnx`. */
export const classicModelSchema = z.object({
  system: z.string(),
  preset: z.string(),
  task: z.literal("classic"),
  /** Probabilities are those of the second class. */
  classes: z.tuple([z.string(), z.string()]),
  modality: z.string(),
  grid: z.object({ size: size3, affine: z.array(z.number()).length(16) }),
  features: classicSchema.shape.features,
  /** Names of the features where there are few. */
  names: z.array(z.string()).nullable(),
  count: z.number(),
  simulated: z.boolean(),
});

export type ClassicModel = z.infer<typeof classicModelSchema>;

/** `run.json` of a classifier without steps: nothing here is resumed, so there is no plan. */
export const classicRunSchema = z.object({
  gyrus: z.string(),
  system: z.string(),
  preset: z.string(),
  created: z.string(),
  seed: z.number(),
  parameters: z.number(),
  seconds: z.number(),
  split: runParts.split,
  ...honestyParts,
  versions: runParts.versions,
  machine: runParts.machine,
  warnings: runParts.warnings,
  config: classicSchema,
  model: classicModelSchema,
  data: z.object({
    root: z.string(),
    options: z
      .object({ channels: z.array(z.string()).optional(), derivative: z.string().optional() })
      .strict(),
    name: z.string(),
    cases: z.number(),
    subjects: z.number(),
    sha256: z.string(),
    spacingsMm: z.string(),
    sizes: z.string(),
    classes: z.record(z.string(), z.object({ subjects: z.number(), cases: z.number() })),
    omitted: z.number(),
  }),
  /** What the search within the training subjects found; null for logistic regression, which has none. */
  search: z
    .object({
      cost: z.number(),
      folds: z.number(),
      table: z.array(z.object({ cost: z.number(), balancedAccuracy: z.number() })),
    })
    .nullable(),
});

export type ClassicRun = z.infer<typeof classicRunSchema>;
