import type { z } from "zod";
import { fail } from "../core/errors.js";

/** How errors call a file, and what is to be done about it. */
export interface JsonWords {
  /** Default "the file". */
  readonly what?: string;
  readonly fix?: string;
}

const usualFix = "It was made by another version or edited by hand: restore it, or make it anew";

/** The value of a JSON text. Throws `bad-file` that names the file and the place. */
export function jsonOf(
  text: string,
  where: string,
  { what = "the file", fix = usualFix }: JsonWords = {},
): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    return fail("bad-file", {
      what: `${what} is not JSON`,
      where,
      found: cause instanceof Error ? cause.message : String(cause),
      fix,
      cause,
    });
  }
}

/** A JSON text, checked by a schema. Throws `bad-file` that names the file and the first entry that does not fit. */
export function parseJson<T>(schema: z.ZodType<T>, text: string, where: string, words: JsonWords = {}): T {
  const { what = "the file", fix = usualFix } = words;
  const parsed = schema.safeParse(jsonOf(text, where, words));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  return fail("bad-file", {
    what: `${what}'s entry "${issue.path.join(".") || "(all)"}" does not fit: ${issue.message}`,
    where,
    fix,
  });
}
