import { z } from "zod";
import { provenanceSchema } from "../../audit/provenance.js";

const judgements = z.array(z.object({ subject: z.string(), probability: z.number(), positive: z.boolean() }));
const numbers = z.array(z.number());
const names = z.array(z.string());
const byLabels = <T extends z.ZodType>(one: T) => z.object({ true: one, shuffled: one });

/** Results of parts as they are read back. */
export const networkSchema = z.object({
  test: judgements,
  external: judgements,
  mild: judgements.nullable(),
  scratch: judgements.nullable(),
  looks: numbers,
  provenance: z.array(provenanceSchema),
});
const linear = z.object({
  test: z.array(judgements),
  external: z.array(judgements),
  mild: z.array(judgements),
});
export const linearSchema = z.object({ svm: linear, csf: linear, volumes: linear });
export const slicesSchema = z.object({ held: judgements, clean: judgements.nullable(), loss: z.number() });
export const selectionSchema = byLabels(
  z.object({
    reported: numbers,
    honest: numbers,
    given: z.object({ folds: z.array(names), late: names, within: z.array(names) }),
  }),
);
export const looksSchema = byLabels(
  z.object({
    looks: numbers,
    reported: z.array(numbers),
    independent: z.array(numbers),
    given: z.object({ training: names, reported: names, independent: names }),
  }),
);
export const auditSchema = z.object({
  found: z.boolean(),
  held: z.number(),
  matched: z.number(),
  right: z.number(),
  details: z.string(),
  pictures: z.array(z.object({ png: z.string(), width: z.number(), height: z.number(), words: z.string() })),
});
