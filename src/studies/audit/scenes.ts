import type { Seen } from "../../audit/check-content.js";
import type { RunFacts } from "../../audit/run-facts.js";
import type { AuditItem, Collection, Part } from "../../audit/types.js";
import type { Rng } from "../../core/rng.js";

/** The scenes that are audited: leaks of every category, and the same without. */
export const scenes = {
  identifiers: "biased split: one to five subjects on both sides, by identifier",
  slices: "biased split: slices dealt at random, no identifiers",
  "one-head": "biased split: every other slice of one head on the other side, no identifiers",
  copies: "biased split: one to three changed copies of held-out slices in training, no identifiers",
  visits: "biased split: the second visit of one to three people on the other side, no identifiers",
  "late-split": "late split: something fitted on held-out subjects, by a drawn record of a run",
  "no-test":
    "no independent test: reported on the validation that chose, looked at twice, or trained on after the test, by a drawn record",
  confounds: "confound: age or site differs between the diagnoses",
  "clean-identifiers": "clean: every subject on one side, by identifier",
  "clean-slices": "clean: slices split by head, no identifiers",
  "clean-visits": "clean: visits split by person, no identifiers",
  "clean-run": "clean: a drawn record of a run",
  "clean-confounds": "clean: age and site as in chance",
} as const;

export type Scene = keyof typeof scenes;

export const isClean = (scene: Scene): boolean => scene.startsWith("clean");

/** A collection without identifiers of images whose heads are known to the study alone. */
export interface Hidden {
  readonly seen: readonly Seen[];
  /** The true subject of an item by its id. */
  readonly owner: ReadonlyMap<string, string>;
}

/** Images of a head, in order: slices from below, or visits in time. */
export interface Head {
  readonly subject: string;
  readonly images: readonly Omit<Seen, "item">[];
}

/** Put images on sides, under names that say nothing. */
export function hide(heads: readonly Head[], partOf: (head: Head, at: number) => Part, rng: Rng): Hidden {
  const owner = new Map<string, string>();
  const count = heads.reduce((sum, { images }) => sum + images.length, 0);
  const names = rng.shuffle(Array.from({ length: count }, (_, n) => `image-${String(n).padStart(5, "0")}`));
  let at = 0;
  const seen = heads.flatMap((head) =>
    head.images.map((image, n): Seen => {
      const id = names[at++]!;
      owner.set(id, head.subject);
      return { ...image, item: { id, part: partOf(head, n) } };
    }),
  );
  return { seen, owner };
}

/** A fifth of the heads are held out. */
export function drawHeld(heads: readonly Head[], rng: Rng): ReadonlySet<string> {
  const order = rng.shuffle(heads.map(({ subject }) => subject));
  return new Set(order.slice(0, Math.max(1, Math.round(order.length / 5))));
}

/** A table of people with two diagnoses, a share of whom are on both sides; ages and sites by chance, or not. */
export function drawTable(
  rng: Rng,
  {
    shared = 0,
    yearsApart = 0,
    siteShift = 0,
  }: { readonly shared?: number; readonly yearsApart?: number; readonly siteShift?: number },
): Collection {
  const people = 120;
  const items: AuditItem[] = [];
  for (let n = 0; n < people; n++) {
    const draw = rng.split("person", n);
    const diagnosis = n % 2 === 0 ? "AD" : "CN";
    const subject = `p${String(n).padStart(3, "0")}`;
    const age = draw.normal(74 + (diagnosis === "AD" ? yearsApart : 0), 8).toFixed(1);
    const site = draw.chance(0.5 + (diagnosis === "AD" ? siteShift : -siteShift)) ? "A" : "B";
    const covariates = { age, sex: draw.chance(0.5) ? "F" : "M", site };
    const part: Part = n % 10 < 2 ? "test" : "train";
    items.push({ id: `${subject}-1`, part, subject, diagnosis, covariates });
    if (part === "test" && n / 10 < shared)
      items.push({ id: `${subject}-2`, part: "train", subject, diagnosis, covariates });
  }
  return { name: "table", kind: "table", items, identifiers: "column", notes: [] };
}

/**
 * The record of a run with a test part, and nothing wrong with it: looked at once, at the end. Like all records here it is
 * drawn in the form in which runs write them; no run was trained for it.
 */
export function cleanRun(rng: Rng): RunFacts {
  const subjects = rng.shuffle(Array.from({ length: 100 }, (_, n) => `p${n}`));
  const split = {
    train: subjects.slice(0, 60),
    validation: subjects.slice(60, 80),
    test: subjects.slice(80),
  };
  return {
    system: "study",
    split: { ...split, by: "subject", subjects: split, sealed: true },
    config: {},
    data: { root: "none", sha256: "a" },
    leakageStudy: false,
    provenance: [
      { kind: "normalisation", what: "mean image", fittedOn: split.train },
      { kind: "weights", what: "the network", fittedOn: split.train },
      { kind: "selection", what: "best weights", fittedOn: split.validation },
    ],
    evaluations: [look("validation", 100), look("test", 100)],
  };
}

const look = (set: "validation" | "test", step: number): RunFacts["evaluations"][number] => ({
  at: "2020-01-01T00:00:00.000Z",
  set,
  final: set === "test",
  cases: 20,
  step,
  finished: true,
});

/** A record with nothing wrong: as above, or of a run that reports a validation part by which it chose nothing. */
export function blamelessRun(rng: Rng): RunFacts {
  const run = cleanRun(rng);
  if (rng.chance(0.5)) return run;
  const { train } = run.split.subjects;
  const provenance = [
    { kind: "weights" as const, what: "the classifier", fittedOn: train },
    { kind: "hyperparameters" as const, what: "C, by folds within training", fittedOn: train },
  ];
  return { ...run, provenance, evaluations: [look("validation", 1)] };
}

/** The same with something fitted on all subjects, or on some that are held out. */
export function lateRun(rng: Rng): RunFacts {
  const run = cleanRun(rng);
  const { train, validation, test } = run.split.subjects;
  const kinds = ["normalisation", "feature-selection", "pre-training", "augmentation"] as const;
  const kind = kinds[rng.integer(kinds.length)]!;
  const strangers = rng.chance(0.5)
    ? [...validation, ...test]
    : rng.shuffle(test).slice(0, 1 + rng.integer(3));
  return {
    ...run,
    provenance: [...run.provenance!, { kind, what: kind, fittedOn: [...train, ...strangers] }],
  };
}

/** The same, weights or settings chosen by validation, judged in one of the ways that leave no independent test. */
export function peekedRun(rng: Rng): RunFacts {
  const run = cleanRun(rng);
  const ways = [
    [look("validation", 100)],
    [look("test", 100), look("test", 100)],
    [look("test", 50), look("test", 100)],
  ];
  const evaluations = ways[rng.integer(ways.length)]!;
  if (rng.chance(0.5)) return { ...run, evaluations };
  const { validation } = run.split.subjects;
  const settings = { kind: "hyperparameters" as const, what: "depth", fittedOn: validation };
  const provenance = [...run.provenance!.filter(({ kind }) => kind !== "selection"), settings];
  return { ...run, provenance, evaluations };
}
