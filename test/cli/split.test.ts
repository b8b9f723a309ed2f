import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseSplitFile } from "../../src/io/split-file.js";
import { built, gyrus } from "./bin.js";

let folder = "";
beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-split-"));
  const rows = Array.from({ length: 20 }, (_, n) =>
    ["M0", "M12"].map(
      (visit) => `p${n},${visit},${n % 2 === 0 ? "demented" : "well"},${60 + n},p${n}-${visit}.nii`,
    ),
  );
  const table = ["subject,session,kind,age,image", ...rows.flat()].join("\n");
  await writeFile(join(folder, "table.csv"), table);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const split = async (...words: string[]) => gyrus(["split", "table.csv", ...words], folder);
const parsed = async (name: string) => parseSplitFile(await readFile(join(folder, name), "utf8"), name);

describe("gyrus split of a table", () => {
  it("deals its subjects, alike in a column", async () => {
    const { code, out } = await split(
      "--folds",
      "2",
      "--stratify",
      "kind",
      "--match",
      "age",
      "--out",
      "s.json",
    );
    expect(code).toBe(0);
    expect(out).toContain("20 subjects: s.json");
    const { test, folds, data, by } = await parsed("s.json");
    expect([test.length, ...folds.map((fold) => fold.length)]).toEqual([4, 8, 8]);
    expect(test.filter((subject) => Number(subject.slice(1)) % 2 === 0)).toHaveLength(2);
    expect(data).toEqual({ name: "table.csv", subjects: 20, cases: 40 });
    expect(by).toBeUndefined();
  });

  it("deals visits one by one for a leakage study, and says what that is", async () => {
    const { code, out } = await split("--folds", "2", "--by", "case", "--out", "leaky.json");
    expect(code).toBe(0);
    expect(out).toContain("40 cases: leaky.json");
    expect(out).toContain("whoever trains on this split trains a leakage study");
    expect(out).toContain("--leakage-study --out RUN");
    const { test, folds, by } = await parsed("leaky.json");
    expect(by).toBe("case");
    expect([...test, ...folds.flat()].sort()[0]).toBe("p0_M0");
    expect([...test, ...folds.flat()]).toHaveLength(40);
  });

  it("refuses options that mean nothing to it", async () => {
    const channels = await split("--channels", "T1w", "--out", "x.json");
    expect([channels.code, channels.err]).toEqual([
      2,
      "gyrus: table.csv: --channels means nothing to a table, which names every image. Leave it out.\n",
    ]);
    const by = await split("--by", "cases", "--out", "x.json");
    expect(by.err).toMatch(/--by: there is no by "cases"\. Expected subject, case/);
  });
});

describe("gyrus compare", () => {
  it("prints folds by themselves and their mean", async () => {
    const rows = { f0: ["a AD 0.9", "b CN 0.2"], f1: ["c AD 0.3", "d CN 0.4"] };
    const head = "subject diagnosis probability_AD";
    for (const [name, lines] of Object.entries({ ...rows, all: Object.values(rows).flat() }))
      await writeFile(join(folder, `${name}.tsv`), [head, ...lines].join("\n").replaceAll(" ", "\t"));
    const { out, code } = await gyrus(["compare", "all.tsv", "f0.tsv,f1.tsv"], folder);
    expect(code).toBe(0);
    const lines = out.split("\n").map((line) => line.trim().split(/ {2,}/).join(" | "));
    expect(lines).toContain("fold or repeat | subjects | AUC | balanced accuracy");
    expect(lines).toContain("f0.tsv | 2 | 1.000 | 1.000");
    expect(lines).toContain("f1.tsv | 2 | 0.000 | 0.500");
    expect(lines).toContain("mean ± sd of f0.tsv,f1.tsv | 0.500 ± 0.707 | 0.750 ± 0.354");
    const alone = await gyrus(["compare", "all.tsv", "all.tsv"], folder);
    expect(alone.out).not.toContain("fold or repeat");
  });
});
