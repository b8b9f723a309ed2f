import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fittedOn } from "../../src/audit/provenance.js";
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

  it("is not spent on a limit of the wrong side", async () => {
    const { run } = await sealedRun();
    const headline = { key: "rRMSE", name: "rRMSE", better: "lower" } as const;
    const final = { runDir: dir, final: true } as const;
    await expect(beginLook(run, { ...final, better: "higher" }, own, headline)).rejects.toThrow(
      `${dir}: --at-least does not fit: of rRMSE lower values are better. Give --at-most.`,
    );
    await expect(beginLook(run, { ...final, better: "lower" }, own)).rejects.toThrow(
      "--at-most does not fit: of its overall score higher values are better. Give --at-least.",
    );
    expect((await looks()) ?? []).toEqual([]);
    await beginLook(run, { ...final, better: "lower" }, own, headline);
    expect(await looks()).toHaveLength(1);
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

  it("is not looked at by a folder of subjects, through the model in the run folder, or as one of several channels", async () => {
    const { image } = await sealedRun();
    const cohort = join(folder, `cohort${n}`);
    const anat = join(cohort, "sub-07", "ses-M00", "anat");
    await mkdir(anat, { recursive: true });
    await writeFile(join(anat, "sub-07_ses-M00_T1w.nii"), await readFile(image));
    const refused = /sub-07_ses-M00_T1w\.nii: the scan belongs to the run's sealed test set\. Found c of 1/;
    await expect(refuseSealedScans(dir, [cohort])).rejects.toThrow(refused);
    await expect(refuseSealedScans(paths.model(dir), [cohort])).rejects.toThrow(refused);
    const other = join(folder, "other.nii");
    await writeFile(other, "another image");
    await expect(refuseSealedScans(dir, [`${other},${image}`])).rejects.toThrow(/c\.nii: the scan belongs/);
    await writeFile(join(anat, "sub-07_ses-M00_T1w.nii"), "another image");
    await expect(refuseSealedScans(dir, [cohort])).resolves.toBeUndefined();
  });

  it("is told by what is inside of files that were packed or unpacked", async () => {
    const { image } = await sealedRun();
    const bytes = await readFile(image);
    for (const level of [1, 9]) {
      const packed = join(folder, `packed${level}.nii.gz`);
      await writeFile(packed, gzipSync(bytes, { level }));
      expect(await digestsOf([packed])).toEqual(await digestsOf([image]));
      await expect(refuseSealedScans(dir, [packed])).rejects.toThrow(
        `packed${level}.nii.gz: the scan belongs to the run's sealed test set`,
      );
    }
  });

  it("is told by both files of a pair", async () => {
    const pair = async (name: string, voxels: string): Promise<string> => {
      await writeFile(join(folder, `${name}.img`), voxels);
      await writeFile(join(folder, `${name}.hdr`), "the header that all scans of this size have");
      return join(folder, `${name}.hdr`);
    };
    const [one, other, copy] = [await pair("p1", "a"), await pair("p2", "b"), await pair("p3", "a")];
    const digests = await digestsOf([one, other, copy, join(folder, "p1.img")]);
    expect(digests[1]).not.toBe(digests[0]);
    expect(digests.slice(2)).toEqual([digests[0], digests[0]]);
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

describe("another data set", () => {
  const file = async (name: string): Promise<string> => {
    const path = join(folder, `${name}.nii`);
    await writeFile(path, `image ${name}`);
    return path;
  };
  const learnt = async (provenance: ReturnType<typeof fittedOn>[]) => {
    const [a, b] = [await file("a"), await file("b")];
    const run = {
      split: { ...split, images: { a: await digestsOf([a]), b: await digestsOf([b]) } },
      leakageStudy: false,
      provenance,
    };
    await createRunFolder(dir, run);
    return { run, a, b };
  };
  const selection = fittedOn("selection", "best weights", subjects.validation);

  it("is not judged where it holds images that taught the run or chose its weights", async () => {
    const { run, a, b } = await learnt([fittedOn("weights", "the network", subjects.train), selection]);
    const c = await file("c");
    const look = (...images: string[]) =>
      beginLook(run, { runDir: dir }, { own: false, images: images.map((image) => [image]) });
    await expect(look(c, a)).rejects.toThrow(
      `${dir}: the run has learnt from 1 of 2 images of the data set. Expected images that neither taught it nor chose its weights. Found ${a} (a). Leave these out`,
    );
    await expect(look(b, c)).rejects.toThrow(`Found ${b} (b).`);
    expect(await look(c)).not.toHaveProperty("part");
    const study = { ...run, leakageStudy: true };
    await expect(beginLook(study, { runDir: dir }, { own: false, images: [[a]] })).resolves.toMatchObject({
      notes: [expect.stringMatching(/^LEAKAGE STUDY/)],
    });
  });

  it("may hold those of a validation part by which nothing was chosen", async () => {
    const { run, b } = await learnt([fittedOn("weights", "the network", subjects.train)]);
    await expect(beginLook(run, { runDir: dir }, { own: false, images: [[b]] })).resolves.toBeDefined();
  });

  it("is recorded by a digest of its images, whatever their order", async () => {
    const { run } = await learnt([]);
    const [c, d] = [await file("c"), await file("d")];
    for (const images of [[c, d], [d, c], [c]]) {
      await beginLook(run, { runDir: dir }, { own: false, images: images.map((image) => [image]) });
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const digests = (await looks()).map(({ dataSha256 }) => dataSha256);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
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
