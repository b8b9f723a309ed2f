import { z } from "zod";
import { type FileSystem, joinPath } from "../io/files.js";
import { parseJson } from "../io/json.js";
import { provenanceSchema } from "./provenance.js";

const strings = z.array(z.string());
const parts = z.object({ train: strings, validation: strings, test: strings });

/** One look at a set of images with a run's weights: an entry of `evaluations` in `run.json`. */
export const evaluationSchema = z.object({
  at: z.string(),
  /** What was looked at: the run's own validation or test part, or another data set. */
  set: z.enum(["validation", "test", "other"]),
  /** Asked for with `--final`. */
  final: z.boolean(),
  /** SHA-256 of the data set, where it was another one. */
  dataSha256: z.string().optional(),
  cases: z.number(),
  /** Steps that the run had been trained for. */
  step: z.number(),
  /** False while it runs and where it was broken off: what it saw is seen all the same. */
  finished: z.boolean(),
});

export type RecordedEvaluation = z.infer<typeof evaluationSchema>;

/** What `run.json` says beside a task's own: absent in runs of before it was recorded. */
export const honestyParts = {
  /** Split on purpose so that subjects are on both sides: stays with the run for ever. */
  leakageStudy: z.boolean().default(false),
  provenance: z.array(provenanceSchema).default([]),
  evaluations: z.array(evaluationSchema).default([]),
};

const factsSchema = z.object({
  system: z.string(),
  split: parts.extend({ by: z.string(), subjects: parts, sealed: z.boolean().optional() }),
  config: z
    .object({ patience: z.number().nullable().optional(), validations: z.number().optional() })
    .loose(),
  data: z.looseObject({
    root: z.string(),
    sha256: z.string(),
    options: z.looseObject({}).optional(),
  }),
  ...honestyParts,
  /** Absent where a run is older than its recording. */
  provenance: z.array(provenanceSchema).optional(),
});

/** What an audit reads of a run's record. */
export type RunFacts = z.infer<typeof factsSchema>;

/** The facts of a run folder. Throws `not-found` and `bad-file`. */
export async function readRunFacts(files: FileSystem, dir: string): Promise<RunFacts> {
  const path = joinPath(dir, "run.json");
  return parseJson(factsSchema, new TextDecoder().decode(await files.read(path)), path, {
    what: "the record",
    fix: "Give a run folder as gyrus train makes it",
  });
}
