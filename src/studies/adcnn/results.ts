import { z } from "zod";
import { categories } from "../../audit/types.js";

const judgements = z.array(z.object({ subject: z.string(), probability: z.number(), positive: z.boolean() }));
const numbers = z.array(z.number());
const byLabels = <T extends z.ZodType>(one: T) => z.object({ true: one, shuffled: one });

/** Results of parts as they are read back. */
export const networkSchema = z.object({
  test: judgements,
  external: judgements,
  mild: judgements.nullable(),
  scratch: judgements.nullable(),
  looks: numbers,
});
const linear = z.object({
  test: z.array(judgements),
  external: z.array(judgements),
  mild: z.array(judgements),
});
export const linearSchema = z.object({ svm: linear, csf: linear, volumes: linear });
export const slicesSchema = z.object({ held: judgements, clean: judgements.nullable(), loss: z.number() });
export const selectionSchema = byLabels(z.object({ reported: numbers, honest: numbers }));
export const looksSchema = byLabels(
  z.object({ looks: numbers, reported: z.array(numbers), independent: z.array(numbers) }),
);
export const auditSchema = z.object({
  found: z.boolean(),
  held: z.number(),
  matched: z.number(),
  right: z.number(),
  details: z.string(),
  pictures: z.array(z.object({ png: z.string(), width: z.number(), height: z.number(), words: z.string() })),
});
const found = z.array(z.enum(categories));
export const recordsSchema = z.object({ honest: found, pretraining: found, selection: found, looks: found });
