import type { SplitFile } from "../io/split-file.js";
import type { Side } from "./types.js";

/**
 * Sides by subject, or by case where the file lists cases, as `AuditOptions.split` takes them: the test set of a split file is held out, and folds are held out
 * from each other in turn. Without a test set the first fold stands for the held-out side. Whoever is in two places of a file is on both sides.
 */
export function sidesOf({
  test,
  folds,
  by,
}: Pick<SplitFile, "test" | "folds" | "by">): (id: string, subject: string) => readonly Side[] {
  const sides = new Map<string, Set<Side>>();
  const put = (names: readonly string[], side: Side): void => {
    for (const name of names) sides.set(name, (sides.get(name) ?? new Set()).add(side));
  };
  put(test, "test");
  folds.forEach((names, fold) => {
    put(names, test.length === 0 && fold === 0 ? "validation" : fold);
  });
  return (id, subject) => [...(sides.get(by === "case" ? id : subject) ?? [])];
}
