import type { RunFacts } from "./run-facts.js";
import type { CheckResult, Evidence, Finding } from "./types.js";

const late = {
  check: "late split: what was learnt before the split",
  sees: "normalisation, selected features, pre-training, augmentation, weights and hyperparameters that a run records as fitted on subjects of its held-out sides, also by way of runs that it was trained from",
  blindTo: "what was done to the images before they came to Gyrus, and anything that no record names",
} as const;

const independent = {
  check: "independent test set: selection and looks at the test",
  sees: "weights chosen, training stopped or settings tuned on the part that is reported; test sets that were looked at more than once; training that went on after the test",
  blindTo:
    "looks that nothing recorded, and settings that somebody chose elsewhere with the test set in mind",
} as const;

/** A run that another one took weights from, with what it knew. */
export interface Ancestor {
  readonly dir: string;
  readonly facts: RunFacts;
}

/** Late split, by the provenance that a run records. */
export function checkLate(run: RunFacts | undefined, ancestors: readonly Ancestor[] = []): CheckResult {
  const off = (details: string): CheckResult => ({ ...late, status: "not-checked", details, findings: [] });
  if (run === undefined) return off("Only a run records what was fitted on whom: images and tables do not.");
  if (run.provenance === undefined) return off("The run is older than the recording of provenance.");
  const held = { validation: run.split.subjects.validation, test: run.split.subjects.test };
  const findings: Finding[] = [];
  for (const { kind, what, fittedOn, run: from, dataSha256 } of run.provenance) {
    const foreign = dataSha256 !== undefined && dataSha256 !== run.data.sha256;
    for (const part of ["test", "validation"] as const) {
      // Selection on validation subjects is what validation is for.
      if (part === "validation" && (kind === "selection" || kind === "hyperparameters")) continue;
      const seen = fittedOn.filter((subject) => held[part].includes(subject));
      if (seen.length === 0 || foreign) continue;
      findings.push(
        lateFinding(
          `${what} (${kind}${from === undefined ? "" : `, from ${from}`})`,
          part,
          seen,
          held[part].length,
        ),
      );
    }
  }
  for (const { dir, facts } of ancestors) {
    if (facts.data.sha256 !== run.data.sha256) continue;
    const known = new Set([...facts.split.subjects.train, ...facts.split.subjects.validation]);
    const seen = run.split.subjects.test.filter((subject) => known.has(subject));
    if (seen.length > 0)
      findings.push(
        lateFinding(`the weights of ${dir} that it began with`, "test", seen, run.split.subjects.test.length),
      );
  }
  return {
    ...late,
    status: findings.length > 0 ? "found" : run.provenance.length === 0 ? "not-checked" : "clean",
    details:
      run.provenance.length === 0
        ? "The run records nothing that was fitted."
        : `${run.provenance.map(({ what, fittedOn }) => `${what}: ${fittedOn.length} subjects`).join("; ")}.`,
    findings,
  };
}

function lateFinding(what: string, part: string, seen: readonly string[], of: number): Finding {
  return {
    category: "late-split",
    statement: `${what} was fitted on ${seen.length} of ${of} subjects of ${part}`,
    evidence: [{ kind: "names", what: `subjects of ${part} that it has seen`, names: seen }],
  };
}

/** No independent test set: by the split and the evaluations that a run records. */
export function checkIndependence(
  run: RunFacts | undefined,
  counts?: { readonly validation: number; readonly test: number },
): CheckResult {
  if (run === undefined)
    return {
      ...independent,
      status: "not-checked",
      details: `Images and tables do not say what settings and weights were chosen on.${counts?.validation === 0 ? " There is no validation side: whoever chooses anything by the test side has no independent test left." : ""}`,
      findings: [],
    };
  const findings: Finding[] = [];
  const { evaluations, split } = run;
  const own = evaluations.filter(({ set }) => set === "validation");
  const looks = evaluations.filter(({ set }) => set === "test");
  const chosen = chosenByValidation(run);
  if (own.length > 0 && looks.length === 0 && chosen !== undefined)
    findings.push({
      category: "no-independent-test",
      statement: `what is reported is the validation part, by which ${chosen}${split.test.length === 0 ? "; the split has no test part" : ""}`,
      evidence: [looksTable(own)],
    });
  const sealed = split.sealed === true;
  if (sealed && looks.length > 1)
    findings.push({
      category: "no-independent-test",
      statement: `the test part was looked at ${looks.length} times`,
      evidence: [looksTable(looks)],
    });
  const unsealed = looks.filter(({ final }) => !final);
  if (sealed && unsealed.length > 0)
    findings.push({
      category: "no-independent-test",
      statement: `${unsealed.length} looks at the test part were not final`,
      evidence: [looksTable(unsealed)],
    });
  const steps = new Set(looks.map(({ step }) => step));
  if (steps.size > 1)
    findings.push({
      category: "no-independent-test",
      statement: "the run was trained on between looks at the test part",
      evidence: [looksTable(looks)],
    });
  for (const [sha, all] of groupBy(
    evaluations.filter(({ set }) => set === "other"),
    ({ dataSha256 }) => dataSha256 ?? "",
  ))
    if (new Set(all.map(({ step }) => step)).size > 1)
      findings.push({
        category: "no-independent-test",
        statement: `another data set (${sha.slice(0, 12)}) was looked at ${all.length} times while the training went on: it is a validation set now`,
        evidence: [looksTable(all)],
      });
  return {
    ...independent,
    status: findings.length > 0 ? "found" : "clean",
    details: `${split.test.length} cases in the test part; ${evaluations.length} evaluations recorded, ${looks.length} of them of the test part.`,
    findings,
  };
}

/** What was decided by the validation part, in words; nothing where the record says that nothing was. */
function chosenByValidation({ provenance, split, config, data }: RunFacts): string | undefined {
  const weights = `the weights were chosen${config.patience == null ? "" : " and the training was stopped"}`;
  // A record that says nothing may be of a run that chose: most do.
  if (provenance === undefined || provenance.length === 0) return weights;
  const held = new Set(split.subjects.validation);
  const kinds = new Set(
    provenance
      .filter(({ dataSha256 }) => dataSha256 === undefined || dataSha256 === data.sha256)
      .filter(({ fittedOn }) => fittedOn.some((subject) => held.has(subject)))
      .map(({ kind }) => kind),
  );
  if (kinds.has("selection")) return weights;
  return kinds.has("hyperparameters") ? "settings were chosen" : undefined;
}

const looksTable = (looks: RunFacts["evaluations"]): Evidence => ({
  kind: "table",
  columns: ["when", "what", "cases", "after steps", "final", "finished"],
  rows: looks.map(({ at, set, cases, step, final, finished }) => [
    at,
    set,
    `${cases}`,
    `${step}`,
    final ? "yes" : "no",
    finished ? "yes" : "no",
  ]),
});

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

/** A run that leaks on purpose says so wherever it is shown. */
export function checkLeakageStudy(run: RunFacts | undefined): CheckResult {
  const marked = run?.leakageStudy === true;
  return {
    check: "leakage study",
    sees: "the mark of runs whose split leaks on purpose",
    blindTo: "runs of other programs",
    status: run === undefined ? "not-checked" : marked ? "found" : "clean",
    details:
      run === undefined
        ? "Only runs carry the mark."
        : marked
          ? "The run is marked."
          : "The run is not marked.",
    findings: marked
      ? [
          {
            category: "leakage-study",
            statement:
              "the run was trained on a leaky split on purpose: its scores say what leakage does, and nothing about the system",
            evidence: [],
          },
        ]
      : [],
  };
}
