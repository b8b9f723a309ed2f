import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { beginLook, finishLook, refuseSealedScans } from "../../src/tasks/looks.node.js";
import { createRunFolder, paths, writeRun } from "../../src/tasks/run-folder.node.js";
import { digestsOf } from "../../src/tasks/split.node.js";
import type { EvaluateSummary } from "../../src/tasks/verbs.js";

let folder = "";
let dir = "";
let n = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-looks-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const subjects = { train: ["p1"], validation: ["p2"], test: ["p3"] };
const split = {
  by: "subject" as const,
  seed: 1,
  fold: 0,
  folds: 2,
  train: ["a"],
  validation: ["b"],
  test: ["c"],
  subjects,
};
const summary = (run: string): EvaluateSummary => ({
  run,
  dataDir: "d",
  set: "s",
  caseCount: 1,
  labels: [],
  metrics: [],
  cases: [],
  summary: [],
  interval: "",
});

/** A run with a sealed test set whose one image is `c.nii`. */
async function sealedRun(more: { readonly leakageStudy?: boolean } = {}) {
  const image = join(folder, "c.nii");
  await writeFile(image, "the image of the test");
  const run = {
    leakageStudy: more.leakageStudy ?? false,
    split: { ...split, sealed: true, digests: { c: await digestsOf([image]) } },
  };
  await createRunFolder(dir, run);
  return { run, image };
}
const looks = async () =>
  JSON.parse(await readFile(paths.run(dir), "utf8")).evaluations as Record<string, unknown>[];
const own = { own: true, usual: "validation" } as const;

beforeEach(() => {
  dir = join(folder, `run${n++}`);
});

describe("the sealed test set", () => {
  it("is not what is judged, until --final, and then once", async () => {
    const { run } = await sealedRun();
    const first = await beginLook(run, { runDir: dir }, own);
    expect(first).toMatchObject({ part: "validation", final: false });
    expect(first.words).toBe("validation: fold 0 of 2; the test set stays closed until --final");
    await finishLook(first, summary(dir));
    const last = await beginLook(run, { runDir: dir, final: true }, own);
    expect(last).toMatchObject({ part: "test", final: true, notes: [] });
    await finishLook(last, summary(dir));
    expect(await looks()).toMatchObject([
      { set: "validation", final: false, finished: true },
      { set: "test", final: true, finished: true, cases: 1 },
    ]);
    expect(await readFile(paths.final(dir), "utf8")).toContain('"set": "s"');
    await expect(beginLook(run, { runDir: dir, final: true }, own)).rejects.toThrow(
      /the run has looked at its test set already\. Found final evaluation of .* Another look would make the test set a validation set/,
    );
  });

  it("may be looked at again where the look was broken off, and the evaluation says so", async () => {
    const { run } = await sealedRun();
    await beginLook(run, { runDir: dir, final: true }, own);
    await new Promise((resolve) => setTimeout(resolve, 2));
    const again = await beginLook(run, { runDir: dir, final: true }, own);
    expect(again.notes).toEqual([
      "The test set had been looked at before, 1 time(s), and the looks were broken off.",
    ]);
    expect(await looks()).toHaveLength(2);
  });

  it("is not looked at as another data set, nor scan by scan", async () => {
    const { run, image } = await sealedRun();
    const copy = join(folder, "renamed.nii");
    await writeFile(copy, await readFile(image));
    const refused = `${copy}: the scan belongs to the run's sealed test set. Found c of 1 sealed cases.`;
    await expect(beginLook(run, { runDir: dir }, { own: false, images: [[copy]] })).rejects.toThrow(refused);
    await expect(refuseSealedScans(dir, [copy])).rejects.toThrow(refused);
    await writeFile(copy, "another image");
    await expect(refuseSealedScans(dir, [copy])).resolves.toBeUndefined();
    await expect(refuseSealedScans("model.onnx", [image])).resolves.toBeUndefined();
    expect(await beginLook(run, { runDir: dir }, { own: false, images: [[copy]] })).not.toHaveProperty(
      "part",
    );
  });

  it("is asked for where there is one, of the run's own data", async () => {
    const run = { split, leakageStudy: false };
    await createRunFolder(dir, run);
    await expect(beginLook(run, { runDir: dir, final: true }, own)).rejects.toThrow(
      "the run has no sealed test set to look at",
    );
    expect(await beginLook(run, { runDir: dir }, { own: true, usual: "test" })).toMatchObject({
      part: "test",
    });
  });
});

describe("the record of a run", () => {
  it("keeps looks that were taken while its training goes on", async () => {
    const { run } = await sealedRun();
    const inMemory = { ...run, evaluations: [] };
    const look = await beginLook(run, { runDir: dir }, own);
    await writeRun(dir, { ...inMemory, peak: 1 });
    expect(await looks()).toHaveLength(1);
    await finishLook(look, summary(dir));
    await writeRun(dir, { ...inMemory, peak: 2 });
    expect(await looks()).toMatchObject([{ set: "validation", finished: true }]);
    expect(JSON.parse(await readFile(paths.run(dir), "utf8")).peak).toBe(2);
  });
});

describe("a leakage study", () => {
  const leaky = { ...split, subjects: { ...subjects, test: ["p1"] } };

  it("is the only way to a run with a split that leaks", async () => {
    await expect(createRunFolder(dir, { split: leaky, leakageStudy: false })).rejects.toThrow(
      "the split leaks: 1 subjects are in train and in test",
    );
    await expect(readFile(paths.run(dir))).rejects.toThrow();
  });

  it("is said in every evaluation", async () => {
    const run = { split: leaky, leakageStudy: true };
    await createRunFolder(dir, run);
    const { notes } = await beginLook(run, { runDir: dir }, own);
    expect(notes[0]).toMatch(/^LEAKAGE STUDY: the split leaks on purpose/);
  });
});
