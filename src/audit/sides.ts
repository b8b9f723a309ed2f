import type { SplitFile } from "../io/split-file.js";
import type { Side } from "./types.js";

/**
 * Sides by subject, or by case where the file lists cases, as `AuditOptions.split` takes them: the test set of a split file is held out, and folds are held out
 * from each other in turn. Without a test set the first fold stands for the held-out side.
 */
export function sidesOf({
  test,
  folds,
  by,
}: Pick<SplitFile, "test" | "folds" | "by">): (id: string, subject: string) => Side | undefined {
  const sides = new Map<string, Side>(test.map((subject) => [subject, "test"]));
  folds.forEach((subjects, fold) => {
    for (const subject of subjects) sides.set(subject, test.length === 0 && fold === 0 ? "validation" : fold);
  });
  return (id, subject) => sides.get(by === "case" ? id : subject);
}
