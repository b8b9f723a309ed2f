import { rng } from "../../core/rng.js";
import { foldOf, type Split } from "../../io/split.js";
import type { SubjectRow, SubjectTable } from "../../io/subjects.js";

/**
 * Who is trained on, who the weights are chosen by (`validation`) and who is judged (`test`): fold `fold` is judged, and
 * of the others a share is set aside. By subject and diagnosis by diagnosis, so that all parts are alike in both; a
 * subject counts as what its first row says. Throws as `foldOf` does.
 */
export function splitSubjects(
  { rows, source, classes }: Pick<SubjectTable, "rows" | "source" | "classes">,
  { fold, folds, share, seed }: { fold: number; folds: number; share: number; seed: number },
): Split {
  const first = new Map<string, SubjectRow>();
  for (const row of rows) if (!first.has(row.subject)) first.set(row.subject, row);
  const part = new Map<string, "train" | "validation" | "test">();
  for (const name of classes) {
    const cases = [...first.values()].filter(({ diagnosis }) => diagnosis === name);
    const split = foldOf(
      { name: `${source} (${name})`, stack: false, cases },
      fold,
      folds,
      `${seed}/${name}`,
    );
    const rest = rng(seed)
      .split("selection", name, fold, folds)
      .shuffle([...split.subjects.train].sort());
    const aside = share === 0 ? 0 : Math.max(1, Math.round(share * rest.length));
    rest.forEach((subject, at) => {
      part.set(subject, at < aside ? "validation" : "train");
    });
    for (const subject of split.subjects.validation) part.set(subject, "test");
  }
  const subjects = (wanted: string) => [...first.keys()].filter((subject) => part.get(subject) === wanted);
  const ids = (wanted: string) =>
    rows.filter(({ subject }) => part.get(subject) === wanted).map(({ id }) => id);
  return {
    by: "subject",
    seed,
    fold,
    folds,
    subjects: { train: subjects("train"), validation: subjects("validation"), test: subjects("test") },
    train: ids("train"),
    validation: ids("validation"),
    test: ids("test"),
  };
}

/** A split of more rows, of those alone that these are. */
export function splitAmong<S extends Pick<Split, "train" | "validation" | "test" | "subjects">>(
  split: S,
  rows: readonly Pick<SubjectRow, "id" | "subject">[],
): S {
  const subjectOf = new Map(rows.map(({ id, subject }) => [id, subject]));
  const idsIn = (part: Part): string[] => split[part].filter((id) => subjectOf.has(id));
  const subjectsIn = (part: Part): string[] => {
    const own = new Set(idsIn(part).map((id) => subjectOf.get(id)!));
    return split.subjects[part].filter((subject) => own.has(subject));
  };
  const of = <T>(pick: (part: Part) => T) => ({
    train: pick("train"),
    validation: pick("validation"),
    test: pick("test"),
  });
  return { ...split, ...of(idsIn), subjects: of(subjectsIn) };
}

type Part = "train" | "validation" | "test";
