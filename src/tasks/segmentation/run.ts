import { z } from "zod";
import type { DataSetOptions } from "../../io/dataset.js";
import { runParts } from "../run.js";
import { segmentationSchema } from "./config.js";

const strings = z.array(z.string());
const size3 = z.tuple([z.number(), z.number(), z.number()]);

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
  ...runParts,
  config: segmentationSchema,
  model: modelSchema,
  classWeights: z.array(z.number()).nullable(),
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
});

export type Run = z.infer<typeof runSchema>;

/** The data set options of a run, as `openDataSet` takes them. */
export function dataSetOptions({ data }: Run): DataSetOptions {
  return JSON.parse(JSON.stringify(data.options)) as DataSetOptions;
}
