import { z } from "zod";
import type { DataSetOptions } from "../../../io/dataset.js";
import { runParts } from "../../run.js";
import { nnunetSchema } from "./config.js";
import { experimentSchema } from "./experiment.js";
import { modelSchema } from "./model.js";

/** `run.json` of a fold: everything needed to repeat or resume it. */
export const runSchema = z.object({
  ...runParts,
  config: nnunetSchema.safeExtend({ batch: z.number().int().positive() }),
  model: modelSchema,
  data: experimentSchema.shape.data,
});

export type Run = z.infer<typeof runSchema>;

/** The data set options of a run or an experiment, as `openDataSet` takes them. */
export function dataSetOptions({ data }: Pick<Run, "data">): DataSetOptions {
  return JSON.parse(JSON.stringify(data.options)) as DataSetOptions;
}
