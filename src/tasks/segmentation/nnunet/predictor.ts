import { z } from "zod";
import { fail } from "../../../core/errors.js";
import { parseJson } from "../../../io/json.js";
import { modelSchema, type NnunetModel } from "./model.js";
import type { ConfigurationName } from "./plan.js";
import { postprocessingSchema } from "./postprocess.js";

/** Name of the record that makes a folder an exported predictor. */
export const predictorFile = "predictor.json";

const configurationName = z.enum(["2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"]);

const stageSchema = z
  .object({
    /** What its networks were trained with; those of one stage differ in their weights only. */
    model: modelSchema,
    /** One `.onnx` file for each fold whose outputs are averaged, beside this record. */
    files: z.array(z.string()).min(1),
  })
  .strict();

/**
 * `predictor.json`: all that turns scans into label maps, beside the weights. Stages that are not part of the ensemble are
 * there because a cascade looks at their result.
 */
export const predictorSchema = z
  .object({
    format: z.literal("gyrus nnunet predictor"),
    version: z.literal(1),
    gyrus: z.string(),
    system: z.string(),
    name: z.string(),
    /** In the order of the files of a scan, or of the volumes of a 4-D file. */
    channels: z.array(z.string()).min(1),
    /** What label maps hold. */
    labels: z.array(z.object({ name: z.string(), value: z.number() }).strict()).min(1),
    stages: z.partialRecord(configurationName, stageSchema),
    /** Whose probabilities are averaged. */
    ensemble: z.array(configurationName).min(1),
    postprocessing: postprocessingSchema,
    /** What cross-validation found, where it was done. */
    crossValidation: z
      .object({ meanForegroundDice: z.number(), labels: z.record(z.string(), z.number().nullable()) })
      .strict()
      .optional(),
    /** The same for people, step by step. */
    how: z.array(z.string()),
  })
  .strict()
  .superRefine(({ stages, ensemble }, context) => {
    const problem = (key: string, message: string): void =>
      context.addIssue({ code: "custom", path: [key], message });
    for (const name of ensemble)
      if (stages[name] === undefined) problem("ensemble", `there is no stage "${name}"`);
    for (const [name, stage] of Object.entries(stages)) {
      const previous = stage?.model.plan.configurations[name as ConfigurationName]?.previous;
      if (previous !== undefined && stages[previous as ConfigurationName] === undefined)
        problem("stages", `${name} needs the stage "${previous}"`);
    }
  });

/** See `predictorSchema`. */
export type PredictorPlan = z.infer<typeof predictorSchema>;
export type PredictorStage = z.infer<typeof stageSchema>;

/** Read a predictor's record, checked: throws `bad-file` that names the file and the key. */
export function parsePredictor(text: string, path: string): PredictorPlan {
  return parseJson(predictorSchema, text, path);
}

/** The stages in an order in which each has those before it that it looks at. */
export function stageOrder({
  stages,
  ensemble,
}: Pick<PredictorPlan, "stages" | "ensemble">): ConfigurationName[] {
  const order: ConfigurationName[] = [];
  const add = (name: ConfigurationName): void => {
    if (order.includes(name)) return;
    const previous = previousOf(stageOf(stages, name).model);
    if (previous !== undefined) add(previous);
    order.push(name);
  };
  for (const name of ensemble) add(name);
  return order;
}

/** A stage that must be there. */
export function stageOf(stages: PredictorPlan["stages"], name: ConfigurationName): PredictorStage {
  return (
    stages[name] ??
    fail("not-found", {
      what: `the predictor has no stage "${name}"`,
      expected: Object.keys(stages).join(", "),
      fix: "Export the experiment again",
    })
  );
}

/** The configuration whose prediction a model looks at; undefined where it sees the scan alone. */
export function previousOf({ plan, configuration }: NnunetModel): ConfigurationName | undefined {
  return plan.configurations[configuration]?.previous as ConfigurationName | undefined;
}

/** Names and stored values of the labels that a model paints. */
export function labelsOf({ plan: { dataset } }: NnunetModel): PredictorPlan["labels"] {
  return dataset.classes.slice(1).map((name, at) => ({ name, value: dataset.labelValues[at + 1] ?? at + 1 }));
}
