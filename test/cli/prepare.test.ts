import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSubjects, readTable } from "../../src/io/node.js";
import { built, gyrus } from "./bin.js";

/** From the study to the baseline, as typed. */
describe("a simulated study", () => {
  let folder = "";
  const run = (...words: readonly string[]) => gyrus([...words], folder);

  beforeAll(async () => {
    await built();
    folder = await mkdtemp(join(tmpdir(), "gyrus-study-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("is made with the groups, the visits and the grid asked for, the same bytes on threads as without", async () => {
    const made = await run(
      "simulate",
      "alzheimer",
      "--groups",
      "AD=2,CN=2",
      "--visits",
      "0,24",
      "--grid",
      "24",
      "--out",
      "study",
      "--json",
    );
    expect([made.code, made.err]).toEqual([0, ""]);
    const { subjects, truth } = JSON.parse(made.out) as { subjects: string[]; truth: string };
    expect(subjects).toEqual(["sub-001", "sub-002", "sub-003", "sub-004"]);
    const table = await readSubjects(join(folder, "study"));
    expect(table.grid.size).toEqual([24, 24, 24]);
    expect((await readTable(join(truth, "volumes.tsv"))).rows.length).toBe(table.rows.length);
  }, 120_000);

  it("is prepared as registered, and says so", async () => {
    const { code, out } = await run(
      "prepare",
      "study",
      "--registered",
      "--no-crop",
      "--no-bias-correction",
      "--out",
      "prepared",
      "--quiet",
    );
    expect(code).toBe(0);
    expect(out).toMatch(/scans prepared in .*prepared/);
    expect((await readSubjects(join(folder, "prepared"))).classes).toEqual(["CN", "AD"]);
  }, 60_000);

  it.each([
    [["prepare", "study", "--out", "x"], "there is no template to register the scans to"],
    [["simulate", "alzheimer", "--out", "x", "--groups", "AD=2,XX=3"], 'there is no group "XX"'],
    [
      ["simulate", "alzheimer", "--out", "x", "--groups", "AD=two"],
      "the numbers of subjects are not understood",
    ],
    [["simulate", "alzheimer", "--out", "x", "--groups", "AD=2", "--subjects", "3"], "both say how many"],
    [
      ["simulate", "alzheimer", "--out", "x", "--visits", "a,b"],
      "the months of the visits are not understood",
    ],
    [["simulate", "alzheimer", "--out", "x", "--preset", "tiny"], "--preset belongs to brain"],
    [["simulate", "brain", "--out", "x", "--brain-only"], "--brain-only belongs to alzheimer"],
  ])("refuses %j", async (words, message) => {
    const { code, err } = await run(...words);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});
