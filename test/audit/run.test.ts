import { mkdtempSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { auditFrom } from "../../src/audit/audit.js";
import { sidesOf } from "../../src/audit/sides.js";
import type { Audit } from "../../src/audit/types.js";
import { rng } from "../../src/core/rng.js";
import { nodeFiles, writeTable, writeText, writeVolume } from "../../src/io/node.js";
import { parseSplitFile } from "../../src/io/split-file.js";
import { configs } from "../../src/systems/ad-svm.js";
import { classicVerbs } from "../../src/tasks/classic/node.js";
import type { TrainRequest } from "../../src/tasks/verbs.js";
import { scalingAffine } from "../../src/volume/affine.js";
import { volume } from "../../src/volume/volume.js";

const root = mkdtempSync(join(tmpdir(), "gyrus-audit-"));
const data = join(root, "data");
const table = join(root, "table.csv");
const verbs = classicVerbs({ name: "ad-svm", presets: configs });
const count = 24;

/** A brain as a disc: fluid within, grey without, white between; patients have more fluid. */
function brain(seed: number, ill: boolean) {
  const draw = rng(seed);
  const hole = (ill ? 3.2 : 2.2) + 0.35 * draw.normal();
  const values = Float32Array.from({ length: 16 * 16 * 6 }, (_, v) => {
    const r = Math.hypot((v % 16) - 7.5, (Math.floor(v / 16) % 16) - 7.5);
    return r > 7.4 ? 0 : Math.max(1, (r < hole ? 20 : r > 5.2 ? 70 : 110) + draw.normal(0, 3));
  });
  return volume(values, { size: [16, 16, 6], affine: scalingAffine([4, 4, 4]) });
}

beforeAll(async () => {
  const rows: Record<string, string>[] = [];
  for (let n = 0; n < count; n++) {
    const id = `sub-${String(n + 1).padStart(2, "0")}`;
    const ill = n % 2 === 1;
    const image = join(data, id, "anat", `${id}_T1w.nii.gz`);
    await mkdir(join(data, id, "anat"), { recursive: true });
    await writeVolume(image, brain(n, ill));
    // What the column "diagnosis" says is another question than the run's.
    const row = { cdr: ill ? "0.5" : "0", diagnosis: n < 12 ? "CN" : "AD", site: ill ? "B" : "A" };
    rows.push({ participant_id: id, ...row, image });
  }
  const columns = ["participant_id", "cdr", "diagnosis", "site"];
  await writeTable(join(data, "participants.tsv"), { columns, rows });
  await writeTable(table, { columns: [...columns, "image"], rows });
  const ids = rows.map((row) => row.participant_id!);
  const folds = [ids.slice(4, 14), ids.slice(14)];
  await writeText(
    join(root, "split.json"),
    JSON.stringify({
      ...{ gyrusSplit: 1, gyrus: "0", data: { name: "d", subjects: count, cases: count }, seed: 1 },
      ...{ stratify: [], match: [], test: ids.slice(0, 4), folds, balance: [] },
    }),
  );
});

const train = (name: string, dataDir: string, more: Partial<TrainRequest> = {}) =>
  verbs.train({
    dataDir,
    runDir: join(root, name),
    preset: "logistic-csf",
    set: { "table.diagnosis": "cdr", "table.map": "0=CN,0.5=AD" },
    seed: 1,
    resume: false,
    ...more,
  });

describe("a data set with a split", () => {
  it("is looked at between its folds as well", async () => {
    const { test, folds } = splitFile();
    const { audit } = await auditFrom(nodeFiles, data, { split: sidesOf({ test, folds }) });
    expect(audit.counts).toEqual({ train: 20, validation: 0, test: 4 });
    expect(check(audit, "by the images").details).toMatch(/^24 volumes, 360 comparisons across the split/);
    expect(sidesOf({ test: ["sub-05_ses-M0"], folds, by: "case" })("sub-05_ses-M0", "sub-05")).toEqual([
      "test",
    ]);
    const loose = sidesOf({ test: [], folds })("sub-05", "sub-05");
    expect(loose).toEqual(["validation"]);
  });

  it("that has somebody in two places is found to leak", async () => {
    const { test, folds } = splitFile();
    const split = sidesOf({ test: [...test, "sub-05"], folds: [[...folds[0]!, "sub-20"], folds[1]!] });
    const { audit, pairs } = await auditFrom(nodeFiles, data, { split });
    expect(check(audit, "by identifier").findings.map(({ statement }) => statement)).toEqual([
      "1 of 5 subjects of test are in train as well, with 1 and 1 images",
      "1 of 20 subjects are in more than one fold",
    ]);
    expect(pairs.map(({ held, training }) => [held.item.id, training.item.id])).toEqual(
      expect.arrayContaining([
        ["sub-05", "sub-05"],
        ["sub-20", "sub-20"],
      ]),
    );
  });

  it("is the only thing that a split, or a way of reading it, means something to", async () => {
    const { test, folds } = splitFile();
    const { run } = await train("strays", data);
    const split = sidesOf({ test, folds });
    await expect(auditFrom(nodeFiles, run, { split })).rejects.toThrow(
      /strays: --split means nothing to a run, whose record says who was where/,
    );
    await expect(auditFrom(nodeFiles, table, { split })).rejects.toThrow(
      /table\.csv: --split means nothing to a table, whose column split says who is where/,
    );
    await expect(auditFrom(nodeFiles, run, { dataset: { channels: ["T1w"] } })).rejects.toThrow(
      /--channels means nothing to a run/,
    );
  });
});

const splitFile = () => parseSplitFile(readFileSync(join(root, "split.json"), "utf8"), "split.json");

const check = ({ checks }: Audit, words: string) => checks.find((one) => one.check.includes(words))!;

describe("a run that was trained", () => {
  it.each([
    ["a folder", data],
    ["a table", table],
  ])("on %s is asked about the labels that it learnt, and its images are looked at", async (name, source) => {
    const { run } = await train(`run-${name}`, source);
    const { audit } = await auditFrom(nodeFiles, run);
    expect(audit.counts).toEqual({ train: 18, validation: 0, test: 6 });
    expect(audit.notes).toEqual([]);
    const confounds = check(audit, "confounds");
    expect(confounds.details).toMatch(/^24 subjects of AD, CN; site; /);
    expect(confounds.findings[0]!.statement).toMatch(/^site differs between the diagnoses/);
    expect(check(audit, "by the images").details).toMatch(/^24 volumes/);
  });

  it("with a sealed test set and nothing chosen by its validation fold has an independent test left", async () => {
    const { run } = await train("sealed", data, { split: join(root, "split.json"), fold: 0 });
    await verbs.evaluate({ runDir: run });
    const { audit } = await auditFrom(nodeFiles, run);
    expect(check(audit, "independent test")).toMatchObject({
      status: "clean",
      details: "4 cases in the test part; 1 evaluations recorded, 0 of them of the test part.",
    });
  });

  it("on data that have changed since says so, and takes no other column for the diagnosis", async () => {
    const { run } = await train("moved", table);
    const rows = [{ participant_id: "sub-01", cdr: "9", diagnosis: "CN", image: "none.nii" }];
    await writeTable(table, { columns: ["participant_id", "cdr", "diagnosis", "image"], rows });
    const { audit } = await auditFrom(nodeFiles, run);
    expect(audit.notes.at(-1)).toMatch(
      /^The table of diagnoses that it was trained by cannot be read as it was then, so that no diagnosis is known: .*table\.csv/,
    );
    expect(check(audit, "confounds").details).toBe("Nothing says what diagnosis an image has.");
    expect(check(audit, "by identifier").status).toBe("clean");
  });
});
