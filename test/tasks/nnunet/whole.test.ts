import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readVolume } from "../../../src/io/node.js";
import { configs } from "../../../src/systems/nnunet.js";
import { systemOf } from "../../../src/systems/node.js";
import { findBest } from "../../../src/tasks/segmentation/nnunet/find-best.node.js";
import { nnunetVerbs } from "../../../src/tasks/segmentation/nnunet/node.js";
import { writeBalls } from "../data.js";

let dir = "";
const at = (...parts: string[]): string => join(dir, ...parts);
afterAll(() => rm(dir, { recursive: true, force: true }));

it("goes from a data set to an ensemble, its scores, its report and an export that says the same", async () => {
  dir = await mkdtemp(join(tmpdir(), "nnunet-whole-"));
  await writeBalls(at("data"), { cases: 4, size: [16, 18, 12] });
  const verbs = nnunetVerbs({ name: "nnunet", presets: configs });
  const out = at("out");
  for (const configuration of ["2d", "3d_fullres"])
    await verbs.train({
      dataDir: at("data"),
      runDir: out,
      preset: "tiny",
      set: {
        configuration,
        firstWidth: "4",
        epochs: "1",
        stepsPerEpoch: configuration === "2d" ? "20" : "12",
        validations: "1",
        validationPatches: "2",
      },
      folds: 2,
      allFolds: true,
      seed: 1,
      resume: false,
      threads: 1,
    });
  const { best } = await findBest({ dir: out });
  expect(best.candidates.map(({ ensemble }) => ensemble.join("+")).sort()).toEqual([
    "2d",
    "2d+3d_fullres",
    "3d_fullres",
  ]);
  expect(best.cases).toBe(4);
  expect(best.crossValidation.meanForegroundDice).toBeGreaterThanOrEqual(
    best.candidates[0]!.meanForegroundDice,
  );
  // As training judged each fold of a configuration, so does the comparison.
  const own = JSON.parse(await readFile(at("out/2d/cross-validation.json"), "utf8")) as {
    overall: { mean: number };
  };
  const plain = best.candidates.find(({ ensemble }) => ensemble.join() === "2d")!;
  expect(plain.meanForegroundDice).toBeCloseTo(own.overall.mean, 10);

  expect((await systemOf(out)).name).toBe("nnunet");
  const evaluation = await verbs.evaluate({ runDir: out });
  expect(evaluation.caseCount).toBe(4);
  expect(evaluation.overall!.mean).toBeCloseTo(best.crossValidation.meanForegroundDice, 10);

  const scan = at("data/imagesTr/ball-0.nii.gz");
  const predict = async (model: string, outDir: string) => {
    const { files } = await verbs.predict({ model, scans: [scan], outDir, threads: 1 });
    return readFile(files[0]!.prediction);
  };
  const ours = await predict(out, at("p1"));
  await verbs.exportModel({ runDir: out, out: at("exported") });
  expect((await systemOf(at("exported"))).name).toBe("nnunet");
  expect((await predict(at("exported"), at("p2"))).equals(ours)).toBe(true);
  const { volume } = await readVolume(at("p1/ball-0_seg.nii.gz"));
  expect(volume.size).toEqual([16, 18, 12]);

  const { path } = await verbs.report({ runDir: out });
  const page = await readFile(path, "utf8");
  expect(page).toContain("fold 1");
  expect(page).toContain(best.sentence.split(",")[0]);
  expect((await systemOf(at("out/2d/"))).name).toBe("nnunet");
  expect((await verbs.evaluate({ runDir: at("out/2d/") })).overall!.mean).toBeCloseTo(own.overall.mean, 10);
}, 120_000);
