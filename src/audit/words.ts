import type { Audit, CheckResult } from "./types.js";

/** The names of categories as the review calls them. */
export const categoryWords = {
  "biased-split": "biased split",
  "late-split": "late split",
  "no-independent-test": "no independent test set",
  confound: "confound",
  "leakage-study": "leakage study",
} as const;

/** What was found, in one sentence. */
export function verdictOf({ checks }: Pick<Audit, "checks">): string {
  const findings = checks.flatMap((check) => check.findings);
  const unchecked = checks.filter(({ status }) => status === "not-checked").length;
  const rest = unchecked === 0 ? "" : ` ${unchecked} of ${checks.length} checks could not be made.`;
  if (findings.length === 0) return `Nothing was found.${rest}`;
  const kinds = [...new Set(findings.map(({ category }) => categoryWords[category]))];
  return `Found: ${kinds.join(", ")}.${rest}`;
}

/** An audit as lines for a terminal. */
export function describeAudit(audit: Audit): string[] {
  const { train, validation, test } = audit.counts;
  return [
    `${audit.name}: ${audit.kind}, ${train} training, ${validation} validation, ${test} test`,
    ...audit.notes.map((note) => `Note: ${note}`),
    "",
    ...audit.checks.flatMap(describeCheck),
    verdictOf(audit),
  ];
}

const marks = { found: "FOUND", clean: "clean", "not-checked": "not checked" } as const;

function describeCheck({ check, status, details, findings }: CheckResult): string[] {
  const lines = [`[${marks[status]}] ${check}`, `  ${details}`];
  for (const { category, statement, evidence } of findings) {
    lines.push(`  ${categoryWords[category]}: ${statement}`);
    for (const one of evidence.slice(0, 4))
      if (one.kind === "pair") lines.push(`    ${one.held} <> ${one.training}: ${one.words}`);
      else if (one.kind === "names") lines.push(`    ${one.what}: ${shortened(one.names)}`);
      else
        for (const row of one.rows.slice(0, 8))
          lines.push(`    ${row.map((cell, at) => `${one.columns[at]} ${cell}`).join("; ")}`);
  }
  return [...lines, ""];
}

function shortened(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
