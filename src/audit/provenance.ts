import { z } from "zod";

/** What can be learnt from data, and so from the wrong data. */
export const fittedKinds = [
  "normalisation",
  "feature-selection",
  "pre-training",
  "augmentation",
  "weights",
  "hyperparameters",
  "selection",
] as const;

export type FittedKind = (typeof fittedKinds)[number];

/**
 * Something that a run learnt from images, and from whose: an entry of `provenance` in `run.json`. Fixed preparation (a
 * template, a percentile of each image by itself) is fitted on nobody and needs no entry.
 */
export const provenanceSchema = z.object({
  kind: z.enum(fittedKinds),
  /** In words: "mean and standard deviation of voxels". */
  what: z.string(),
  /** Subjects as the run's split calls them, sorted. */
  fittedOn: z.array(z.string()),
  /** The run folder that it was taken from, where it was not this one. */
  run: z.string().optional(),
  /** SHA-256 of the data set that `fittedOn` belongs to, where it is not the run's own: names alone prove nothing then. */
  dataSha256: z.string().optional(),
});

export type Provenance = z.infer<typeof provenanceSchema>;

/** An entry of a run's provenance, its subjects sorted and each once. */
export function fittedOn(
  kind: FittedKind,
  what: string,
  subjects: Iterable<string>,
  from: Pick<Provenance, "run" | "dataSha256"> = {},
): Provenance {
  return { kind, what, fittedOn: [...new Set(subjects)].sort(), ...from };
}
