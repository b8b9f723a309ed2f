import { z } from "zod";
import { honestyParts } from "../audit/run-facts.js";
import { type Device, devices } from "../runtime/engine.js";
import type { TrainingSettings } from "./settings.js";

const strings = z.array(z.string());
const parts = z.object({ train: strings, validation: strings, test: strings });

/** What `run.json` holds whatever the task: everything needed to repeat or resume a run, beside its data and its model. */
export const runParts = {
  gyrus: z.string(),
  system: z.string(),
  preset: z.string(),
  created: z.string(),
  seed: z.number(),
  threads: z.number().nullable(),
  /** Absent in runs from before there was a choice. */
  device: z.enum(devices).default("cpu"),
  parameters: z.number(),
  split: parts.extend({
    by: z.enum(["subject", "block", "case"]),
    seed: z.union([z.number(), z.string()]),
    fold: z.number().optional(),
    folds: z.number().optional(),
    subjects: parts,
    /** The test part stays closed until `gyrus evaluate --final`; `digests` tell its images wherever they lie. */
    sealed: z.boolean().optional(),
    digests: z.record(z.string(), strings).optional(),
    /** The same of all parts: what the run has learnt from is known by it in other data sets. Absent in older runs. */
    images: z.record(z.string(), strings).optional(),
  }),
  ...honestyParts,
  plan: z.object({
    /** Absent while a time budget is being measured. */
    totalSteps: z.number().nullable(),
    /**
     * From which step on how many steps the whole training was to have; several where a time budget was kept or where it
     * was extended.
     */
    revisions: z.array(
      z.object({ step: z.number(), totalSteps: z.number(), extended: z.literal(true).optional() }),
    ),
    stepsPerEpoch: z.number(),
    validateEvery: z.number(),
    saveEvery: z.number(),
    minutes: z.number().nullable(),
    /** Of the whole command, where other things than this training take a part of them. */
    minutesAsked: z.number().optional(),
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
};

const recordSchema = z.object(runParts);

/** The record of a run of any task. */
export type RunRecord = z.infer<typeof recordSchema> & { readonly config: TrainingSettings };

/** Where a network runs, and on how many threads. */
export interface Place {
  readonly threads?: number | undefined;
  readonly device?: Device | undefined;
}

/** Where a run computes. */
export function placeOf({ threads, device }: Pick<RunRecord, "threads" | "device">): Place {
  return { threads: threads ?? undefined, device };
}
