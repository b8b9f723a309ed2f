import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { supportOf } from "../../src/lower/support.js";
import { targets } from "../../src/lower/targets.js";
import { table } from "../../src/ops/table.js";

type Page = (given: {
  table: typeof table;
  targets: typeof targets;
  supportOf: typeof supportOf;
  sources: readonly string[];
}) => string;

const file = (path: string): URL => new URL(`../../${path}`, import.meta.url);

describe("docs/ops.md", async () => {
  const { opsPage } = (await import(file("scripts/ops-page.mjs").href)) as { opsPage: Page };
  const sources = readdirSync(file("src/ops/")).map((name) => readFileSync(file(`src/ops/${name}`), "utf8"));
  const given = { table, targets, supportOf, sources };

  it("is what npm run docs writes", () => {
    expect(opsPage(given)).toBe(readFileSync(file("docs/ops.md"), "utf8"));
  });

  it("has a line for every op and a column for every target", () => {
    const page = opsPage(given);
    for (const op of table.keys()) expect(page).toMatch(new RegExp(`^\\| \`${op}\` \\| .+ \\|$`, "m"));
    expect(page).toContain(`| gradient | ${targets.map(({ name }) => name).join(" | ")} |`);
  });

  it("says what a target lacks, and asks for a docstring", () => {
    const [first] = targets;
    const { exp: _, ...spellings } = first!.spellings;
    const gaps = [
      { op: "conv", when: () => true, uses: "in 3-D", why: "it has no such kernel", instead: "Use 2-D" },
    ];
    const page = opsPage({ ...given, targets: [{ ...first!, spellings, gaps }] });
    expect(page).toMatch(/^\| `exp` \| .* \| yes \| no \|$/m);
    expect(page).toMatch(/^\| `conv` \| .* \| yes \| yes \(1\) \|$/m);
    expect(page).toContain("1. `conv` on portable, in 3-D: it has no such kernel. Use 2-D.");
    expect(() => opsPage({ ...given, sources: sources.slice(1) })).toThrow(/no docstring for elu/);
  });
});
