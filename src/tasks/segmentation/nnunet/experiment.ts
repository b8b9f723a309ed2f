import { z } from "zod";

const strings = z.array(z.string());

/** `experiment.json`: what all configurations and folds of an experiment have in common. */
export const experimentSchema = z.object({
  format: z.literal("gyrus nnunet experiment"),
  version: z.literal(1),
  gyrus: z.string(),
  system: z.string(),
  created: z.string(),
  folds: z.number().int().min(2),
  /** Of the split into folds; the reference's. Weights and batches have the run's own seed. */
  splitSeed: z.number(),
  /** What was planned for; absent where the plan was there before. */
  asked: z.object({ rules: z.enum(["v2", "v1"]), memoryGb: z.number().positive().nullable() }).optional(),
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
    simulated: z.boolean(),
  }),
  notes: strings,
});

export type Experiment = z.infer<typeof experimentSchema>;

/** `splits.json`: the folds, by case and by subject. */
export const splitsSchema = z.object({
  by: z.enum(["subject", "block"]),
  seed: z.number(),
  folds: z
    .array(
      z.object({
        train: strings,
        validation: strings,
        subjects: z.object({ train: strings, validation: strings }),
      }),
    )
    .min(2),
  /** SHA-256 of every case's images: what the networks have learnt from, whatever it is called elsewhere. */
  images: z.record(z.string(), strings).optional(),
});

export type Splits = z.infer<typeof splitsSchema>;

/** The seed of the reference's five folds. */
export const splitSeed = 12345;
