import { z } from "zod";
import { GyrusError } from "../../core/errors.js";
import type { DataSetOptions } from "../../io/dataset.js";
import { devices } from "../../runtime/engine.js";
import { segmentationSchema } from "./config.js";

const strings = z.array(z.string());
const size3 = z.tuple([z.number(), z.number(), z.number()]);
const parts = z.object({ train: strings, validation: strings, test: strings });

/** What a prediction needs to know besides the weights; stands in `run.json` and in every exported model. */
export const modelSchema = z.object({
  system: z.string(),
  preset: z.string(),
  task: z.literal("segmentation"),
  dimensions: z.union([z.literal(2), z.literal(3)]),
  channels: strings,
  /** What class 0 is. */
  background: z.string(),
  /** Without background: class k + 1 is `labels[k]`. */
  labels: z.array(z.object({ value: z.number(), name: z.string() })),
  /** What label files hold for each class, background first. */
  labelValues: z.array(z.number()),
  patch: size3,
  margin: size3,
  preparation: z.object({
    normalization: z.enum(["zscore", "zscore-nonzero", "minmax"]),
    spacingMm: size3.nullable(),
  }),
  overlap: z.number(),
  mirrorAxes: z.array(z.number()),
  /** Whether the images that it was trained on were simulated. */
  simulated: z.boolean(),
});

export type SegmentationModel = z.infer<typeof modelSchema>;

/** `run.json`: everything needed to repeat or resume a run. */
export const runSchema = z.object({
  gyrus: z.string(),
  system: z.string(),
  preset: z.string(),
  created: z.string(),
  seed: z.number(),
  threads: z.number().nullable(),
  /** Absent in runs from before there was a choice. */
  device: z.enum(devices).default("cpu"),
  config: segmentationSchema,
  model: modelSchema,
  classWeights: z.array(z.number()).nullable(),
  parameters: z.number(),
  data: z.object({
    root: z.string(),
    /** How the folder was read: see `DataSetOptions`. */
    options: z
      .object({
        channels: strings.optional(),
        labels: z.record(z.string(), z.string()).optional(),
        derivative: z.string().optional(),
        segmentation: z.string().optional(),
      })
      .strict(),
    kind: z.enum(["msd", "bids", "pairs"]),
    name: z.string(),
    cases: z.number(),
    subjects: z.number(),
    stack: z.boolean(),
    sha256: z.string(),
    spacingsMm: z.string(),
    sizes: z.string(),
  }),
  split: parts.extend({
    by: z.enum(["subject", "block"]),
    seed: z.union([z.number(), z.string()]),
    fold: z.number().optional(),
    folds: z.number().optional(),
    subjects: parts,
  }),
  plan: z.object({
    /** Absent while a time budget is being measured. */
    totalSteps: z.number().nullable(),
    /** From which step on how many steps the whole training was to have; several where a time budget was kept. */
    revisions: z.array(z.object({ step: z.number(), totalSteps: z.number() })),
    stepsPerEpoch: z.number(),
    validateEvery: z.number(),
    saveEvery: z.number(),
    minutes: z.number().nullable(),
    secondsPerStep: z.number().nullable(),
    secondsPerValidation: z.number().nullable(),
  }),
  memory: z.object({
    /** "lean" computes activations again instead of keeping them. */
    use: z.enum(["normal", "lean"]).default("normal"),
    /** Of a process that does nothing but the training step. */
    estimateBytes: z.number(),
    availableBytes: z.number(),
    /** The most that the training process ever held, its images and validation included; null until it ended once. */
    peakBytes: z.number().nullable().default(null),
  }),
  versions: z.record(z.string(), z.string()),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  warnings: strings,
});

export type Run = z.infer<typeof runSchema>;

/** Parse JSON by a schema; throws `bad-file` that names the file and the key. */
export function parseJson<T>(schema: z.ZodType<T>, text: string, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new GyrusError("bad-file", {
      what: "this is not JSON",
      where,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "Restore the file, or train anew",
      cause,
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new GyrusError("bad-file", {
    what: "the file does not hold what it should",
    where: `${where}, key ${issue.path.join(".")}`,
    found: issue.message,
    fix: "It was made by another version or edited by hand: restore it, or train anew",
  });
}

/** The data set options of a run, as `openDataSet` takes them. */
export function dataSetOptions({ data }: Run): DataSetOptions {
  return JSON.parse(JSON.stringify(data.options)) as DataSetOptions;
}
