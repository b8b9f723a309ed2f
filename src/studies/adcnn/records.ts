import { auditSeen } from "../../audit/audit.js";
import { fittedOn, type Provenance } from "../../audit/provenance.js";
import type { RunFacts } from "../../audit/run-facts.js";
import type { Category, Part } from "../../audit/types.js";
import { partsOfFold } from "./data.js";
import type { Findings } from "./findings.js";
import { idOf, labelings, networks } from "./plan.js";
import { looksSchema, networkSchema, selectionSchema } from "./results.js";

/** What the audit said of the record of a training. */
export interface AuditedRecord {
  readonly what: string;
  /** What is wrong with it by design. */
  readonly wanted: readonly Category[];
  readonly found: readonly Category[];
}

type Sides = Readonly<Record<Part, readonly string[]>>;

/**
 * Audit what the study itself trained, by records as runs write them: who was on which side, and on whom networks, voxels and
 * settings were fitted, which are the lists that the trainings were given and not what their design says. A training
 * that saw somebody it must not have seen is found here, by whatever mistake.
 */
export function auditRecords(findings: Findings): AuditedRecord[] {
  return [...networkRecords(findings), ...selectionRecords(findings), ...looksRecords(findings)];
}

function networkRecords({ extent, read, split }: Findings): AuditedRecord[] {
  return networks.flatMap((network) =>
    Array.from({ length: extent.folds }, (_, fold): AuditedRecord => {
      const id = idOf({ kind: "network", network, fold });
      const { provenance, looks } = networkSchema.parse(read(id));
      const { training, validation } = partsOfFold(split, fold);
      const sides = { train: [...training], validation: [...validation], test: split.test };
      const all = [...looks.map(() => look("validation")), look("test")];
      return audited(id, network === "late" ? ["late-split"] : [], sides, provenance, all);
    }),
  );
}

/** Cross-validation, of which the first fold stands for all. */
function selectionRecords({ read }: Findings): AuditedRecord[] {
  const found = selectionSchema.parse(read("selection"));
  return labelings.flatMap((labels) => {
    const { folds, late, within } = found[labels].given;
    const sides = { train: folds.slice(1).flat(), validation: folds[0] ?? [], test: [] };
    const of = (what: string, wanted: readonly Category[], on: readonly string[]): AuditedRecord =>
      audited(
        `voxels selected ${what}, ${labels} labels`,
        wanted,
        sides,
        [
          fittedOn("feature-selection", "voxels that differ between the diagnoses", on),
          fittedOn("weights", "the machine", sides.train),
        ],
        [look("validation")],
      );
    return [of("before the split", ["late-split"], late), of("fold by fold", [], within[0] ?? [])];
  });
}

function looksRecords({ read }: Findings): AuditedRecord[] {
  const found = looksSchema.parse(read("looks"));
  return labelings.flatMap((labels) => {
    const { looks, given } = found[labels];
    const sides = { train: given.training, validation: given.reported, test: given.independent };
    const provenance = [
      fittedOn("weights", "the machine", given.training),
      fittedOn("hyperparameters", "voxels and C", given.reported),
    ];
    const many = Array.from({ length: looks.at(-1) ?? 0 }, () => look("validation"));
    return [
      audited(`best look, ${labels} labels`, ["no-independent-test"], sides, provenance, many),
      audited(`its setting on the test set, ${labels} labels`, [], sides, provenance, [
        ...many,
        look("test"),
      ]),
    ];
  });
}

const look = (set: "validation" | "test"): RunFacts["evaluations"][number] => ({
  at: "2020-01-01T00:00:00.000Z",
  set,
  final: set === "test",
  cases: 1,
  step: 1,
  finished: true,
});

function audited(
  what: string,
  wanted: readonly Category[],
  sides: Sides,
  provenance: readonly Provenance[],
  evaluations: RunFacts["evaluations"],
): AuditedRecord {
  const parts = {
    train: [...sides.train],
    validation: [...sides.validation],
    test: [...sides.test],
  };
  const run: RunFacts = {
    system: "adcnn",
    split: { ...parts, by: "subject", subjects: parts, sealed: parts.test.length > 0 },
    config: {},
    data: { root: "simulated", sha256: "study" },
    leakageStudy: false,
    provenance: [...provenance],
    evaluations,
  };
  const items = (["train", "validation", "test"] as const).flatMap((part) =>
    parts[part].map((subject) => ({ id: subject, subject, part })),
  );
  const collection = { name: what, kind: "run", items, identifiers: "record", notes: [] };
  const { audit } = auditSeen(collection, [], { run });
  const found = new Set(audit.checks.flatMap(({ findings }) => findings.map(({ category }) => category)));
  return { what, wanted, found: [...found] };
}

/** Whether the audit said exactly what is wrong. */
export const isRight = ({ wanted, found }: AuditedRecord): boolean =>
  wanted.length === found.length && wanted.every((category) => found.includes(category));
