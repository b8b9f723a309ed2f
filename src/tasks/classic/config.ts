import { z } from "zod";
import { withSettings } from "../settings.js";

const classes = z.preprocess(
  (value) => (typeof value === "string" ? value.split(",").map((name) => name.trim()) : value),
  z.tuple([z.string().min(1), z.string().min(1)]),
);

/** What is measured of an image. */
const featuresSchema = z.discriminatedUnion("kind", [
  z
    .object({
      kind: z.literal("voxels"),
      content: z.enum(["intensity", "csf", "grey", "white"]),
      smoothingMm: z.number().min(0).max(30),
    })
    .strict(),
  /** Shares of fluid, grey and white matter that intensities tell, or of fluid alone. */
  z.object({ kind: z.literal("tissues"), of: z.enum(["all", "csf"]) }).strict(),
  z
    .object({
      kind: z.literal("volumes"),
      /** Table of volumes by participant_id and session_id, relative to the data set. */
      table: z.string().min(1),
      /** Columns to use; null: all that end in `_ml`. */
      columns: z.array(z.string()).min(1).nullable(),
      /** Column that the others are shares of. */
      whole: z.string(),
    })
    .strict(),
]);

const classifierSchema = z.discriminatedUnion("kind", [
  z
    .object({
      kind: z.literal("svm"),
      /** Prices C that are tried within the training subjects. */
      costs: z.array(z.number().positive()).min(1),
      folds: z.number().int().min(2),
    })
    .strict(),
  z.object({ kind: z.literal("logistic"), penalty: z.number().min(0) }).strict(),
]);

/** Everything that decides a run, as plain data: it stands in `run.json`. */
export const classicSchema = z
  .object({
    /** Two diagnoses: the first is the negative class, the second the positive one. */
    classes,
    table: z
      .object({
        diagnosis: z.string().nullable(),
        map: z.string().nullable(),
        missing: z.enum(["refuse", "omit"]),
      })
      .strict(),
    /** Sessions of the training subjects that are trained on; judged is always the first one. */
    sessions: z.enum(["all", "first"]),
    features: featuresSchema,
    classifier: classifierSchema,
  })
  .strict();

export type ClassicConfig = z.infer<typeof classicSchema>;

/** A preset with `--set` changes applied: see `withSettings`. */
export function withChanges(preset: ClassicConfig, changes: Readonly<Record<string, string>>): ClassicConfig {
  return withSettings(classicSchema as z.ZodType<ClassicConfig>, Object.keys(preset), preset, changes);
}
