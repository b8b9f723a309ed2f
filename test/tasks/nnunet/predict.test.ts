import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rng } from "../../../src/core/rng.js";
import { nodeFiles } from "../../../src/io/node.js";
import { nodeCpu, openModel } from "../../../src/runtime/node.js";
import { restoredOnce } from "../../../src/tasks/segmentation/nnunet/candidates.js";
import { combineOpinions, stageMaps } from "../../../src/tasks/segmentation/nnunet/ensemble.js";
import { experimentPaths } from "../../../src/tasks/segmentation/nnunet/layout.js";
import { trainedConfiguration } from "../../../src/tasks/segmentation/nnunet/model.js";
import { encodeNetwork } from "../../../src/tasks/segmentation/nnunet/network.node.js";
import { openPredictor } from "../../../src/tasks/segmentation/nnunet/open.js";
import { predictVolume, segmentCanonical } from "../../../src/tasks/segmentation/nnunet/predict.js";
import { volumeAxes } from "../../../src/tasks/segmentation/nnunet/predicting.js";
import { prepareCase } from "../../../src/tasks/segmentation/nnunet/preprocess.js";
import { classesOfRestored, restoreProbabilities } from "../../../src/tasks/segmentation/nnunet/restore.js";
import { averageOutputs, type Lend } from "../../../src/tasks/segmentation/nnunet/windows.js";
import { mostLikely } from "../../../src/tasks/segmentation/sliding.js";
import { affineFromColumns, scalingAffine } from "../../../src/volume/affine.js";
import { toCanonical } from "../../../src/volume/orient.js";
import { type Size3, voxelCount } from "../../../src/volume/volume.js";
import { levels, levelWeights, modelFor, voxelPlan, writeFold, writeRecord } from "./trained.js";

let dir = "";
const one = { threads: 1 };
const open = (path: string, options = {}) => openPredictor(nodeFiles, path, nodeCpu, { ...one, ...options });
const fold = (configuration: Parameters<typeof modelFor>[0], at: number) =>
  experimentPaths.fold(dir, configuration, at);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "nnunet-predict-"));
  await writeRecord(dir, "data", voxelPlan(), ["a", "b", "c", "d"]);
  for (const configuration of ["2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"] as const)
    for (const at of [0, 1]) await writeFold(dir, modelFor(configuration), at);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("predictors of an experiment", () => {
  it("find grey and white on the scan's own grid, in the values of the label files", async () => {
    const { scan, truth } = levels("x");
    const predictor = await open(join(dir, "3d_fullres"));
    const found = await predictVolume(predictor, scan);
    await predictor.close();
    expect(found.size).toEqual(scan.size);
    expect(found.affine).toEqual(scan.affine);
    expect([...new Set(found.data)].sort()).toEqual([0, 3, 7]);
    const stored = truth.data.map((c) => [0, 3, 7][c]!);
    const right = found.data.filter((value, at) => value === stored[at]).length;
    expect(right / stored.length).toBeGreaterThan(0.75);
  });

  it("do not care how a scan's axes run: label maps turn with it", async () => {
    // Axes to the back, down and to the left.
    const affine = affineFromColumns([0, -1, 0], [0, 0, -1.2], [-0.9, 0, 0], [5, 6, 7]);
    const { scan } = levels("turned", [12, 11, 13], affine);
    const predictor = await open(join(dir, "2d"));
    const found = await predictVolume(predictor, scan);
    const canonical = await predictVolume(predictor, toCanonical(scan).volume);
    await predictor.close();
    expect(found.affine).toEqual(affine);
    expect(toCanonical(found).volume).toEqual(canonical);
  });

  it("average the folds' probabilities", async () => {
    const { scan } = levels("folds");
    const model = modelFor("3d_fullres");
    const prepared = prepareCase({ id: "x", image: scan }, model.plan, trainedConfiguration(model));
    const options = { mirrorAxes: volumeAxes(model, model.mirrorAxes) };
    const both = await open(join(dir, "3d_fullres"));
    const found = await segmentCanonical(both, scan);
    const alone = [await open(fold("3d_fullres", 0)), await open(fold("3d_fullres", 1))];
    const outputs: Float32Array[] = [];
    for (const predictor of alone)
      outputs.push(
        await averageOutputs(predictor.stages.get("3d_fullres")!.networks, prepared.image, options),
      );
    const mean = outputs[0]!.map((p, at) => (p + outputs[1]![at]!) / 2);
    // The plan's spacing is the scan's, so that nothing is resampled.
    expect(found.data).toEqual(mostLikely(mean, 3));
    expect(found.data).not.toEqual(mostLikely(outputs[0]!, 3));
    for (const predictor of [both, ...alone]) await predictor.close();
  });

  it("mirror along the axes that training mirrored, or not at all", async () => {
    const { scan } = levels("mirror");
    const predictor = await open(fold("3d_fullres", 0));
    const { networks } = predictor.stages.get("3d_fullres")!;
    let runs = 0;
    const counting = {
      ...predictor,
      stages: new Map([
        [
          "3d_fullres" as const,
          {
            model: { ...modelFor("3d_fullres"), mirrorAxes: [0, 2] },
            networks: networks.map(
              (lend): Lend =>
                (use) =>
                  lend((network) =>
                    use({
                      ...network,
                      executable: {
                        ...network.executable,
                        run: (feeds) => {
                          runs++;
                          return network.executable.run(feeds);
                        },
                      },
                    }),
                  ),
            ),
          },
        ],
      ]),
    };
    const windows: string[] = [];
    const run = (mirror: boolean) =>
      predictVolume(counting, scan, {
        mirror,
        onWindow: (done, total, stage) => windows.push(`${stage} ${done} of ${total}`),
      });
    await run(false);
    expect(runs).toBe(12);
    expect(windows.at(-1)).toBe("3d_fullres 12 of 12");
    runs = 0;
    await run(true);
    expect(runs).toBe(12 * 4);
    await predictor.close();
  });

  it("open networks one at a time where memory wants it, with the same bits", async () => {
    const { scan } = levels("bits");
    const found = [];
    for (const keepOpen of [true, false]) {
      const predictor = await open(join(dir, "3d_cascade_fullres"), { keepOpen });
      found.push(await predictVolume(predictor, scan));
      await predictor.close();
    }
    expect(found[1]).toEqual(found[0]);
  });

  it("know themselves: the same hash for the same networks, another for others", async () => {
    const [a, b, c] = [await open(fold("2d", 0)), await open(fold("2d", 0)), await open(fold("2d", 1))];
    expect(a.identity).toBe(b.identity);
    expect(a.identity).not.toBe(c.identity);
  });

  it("lower weights from the file as the engine runs the file itself", async () => {
    const { scan } = levels("file");
    const model = modelFor("3d_fullres");
    const prepared = prepareCase({ id: "x", image: scan }, model.plan, trainedConfiguration(model));
    const predictor = await open(fold("3d_fullres", 0));
    const plain = await openModel(await nodeFiles.read(join(fold("3d_fullres", 0), "model.onnx")), one);
    const [lend] = predictor.stages.get("3d_fullres")!.networks;
    await lend!(async (network) => {
      const options = { mirrorAxes: [] };
      const ours = await averageOutputs([lend!], prepared.image, options);
      const theirs = await averageOutputs(
        [(use) => use({ ...network, executable: plain })],
        prepared.image,
        options,
      );
      ours.forEach((p, at) => {
        expect(Math.abs(p - theirs[at]!)).toBeLessThan(1e-5);
      });
    });
    await plain.dispose();
    await predictor.close();
  });
});

describe("configurations together", () => {
  it("are averaged on the scan's own voxels, each from its own grid, whatever is thick", async () => {
    const thick = scalingAffine([1, 1.1, 4], [0, 0, 0]);
    const { scan } = levels("thick", [14, 13, 6], thick);
    const plan = voxelPlan({ axes: [2, 1, 0], thickAxis: 0 });
    const random = rng("opinions");
    const opinions = (["2d", "3d_lowres", "3d_fullres"] as const).map((name) => {
      const { geometry, image } = prepareCase({ id: "x", image: scan }, plan, plan.configurations[name]!);
      const probabilities = Float32Array.from({ length: 3 * voxelCount(image.size) }, () => random.uniform());
      return { probabilities, geometry, plan };
    });
    const grids = opinions.map(({ geometry }) => geometry.resizing.to.join());
    expect(new Set(grids).size).toBe(3);
    const restored = opinions.map((one) => restoreProbabilities(one.probabilities, one.geometry, plan));
    const mean = restored[0]!.map((p, at) => Math.fround(p + restored[1]![at]!) + restored[2]![at]!);
    const wanted = classesOfRestored(
      mean.map((p) => p / 3),
      opinions[0]!.geometry,
      plan,
    );
    expect(combineOpinions(opinions)).toEqual(wanted);
    expect(
      [
        ...restoredOnce(
          new Map(opinions.map((one, at) => [(["2d", "3d_lowres", "3d_fullres"] as const)[at]!, one])),
        ).values(),
      ].map(({ probabilities }) => probabilities),
    ).toEqual(restored);
  });

  it("of two scans are refused, and of other classes", () => {
    const opinion = (size: Size3, outputs: number) => {
      const { scan } = levels("x", size);
      const plan = voxelPlan();
      const { geometry, image } = prepareCase(
        { id: "x", image: scan },
        plan,
        plan.configurations["3d_fullres"]!,
      );
      return { probabilities: new Float32Array(outputs * voxelCount(image.size)), geometry, plan };
    };
    expect(() => combineOpinions([opinion([8, 8, 8], 3), opinion([8, 8, 9], 3)])).toThrow(
      /not of one scan, or not of one plan\. Expected 8x8x8 voxels.*Found 8x8x9 voxels/,
    );
    expect(() => combineOpinions([opinion([8, 8, 8], 3), opinion([8, 8, 8], 2)])).toThrow(
      /knows other classes\. Expected 3 outputs\. Found 2/,
    );
  });
});

describe("a cascade", () => {
  it("sees the coarser stage's labels, and changes its mind by them", async () => {
    const { scan } = levels("cascade", [14, 12, 12]);
    const whole = await open(join(dir, "3d_cascade_fullres"));
    expect([...whole.stages.keys()]).toEqual(["3d_lowres", "3d_cascade_fullres"]);
    const found = await segmentCanonical(whole, scan);
    // By hand: the coarse stage first, its labels as channels, then the fine one.
    const [low, fine] = [modelFor("3d_lowres"), modelFor("3d_cascade_fullres")];
    const prepare = (model: typeof low) =>
      prepareCase({ id: "x", image: scan }, model.plan, trainedConfiguration(model));
    const [coarse, sharp] = [prepare(low), prepare(fine)];
    const mirrorAxes = [0, 1, 2];
    const said = await averageOutputs(whole.stages.get("3d_lowres")!.networks, coarse.image, { mirrorAxes });
    const maps = stageMaps(
      { probabilities: said, geometry: coarse.geometry, plan: low.plan },
      sharp.geometry,
    );
    const image = {
      ...sharp.image,
      channels: 3,
      data: Float32Array.from([...sharp.image.data, ...maps]),
    };
    const outputs = await averageOutputs(whole.stages.get("3d_cascade_fullres")!.networks, image, {
      mirrorAxes,
    });
    const labels = combineOpinions([{ probabilities: outputs, geometry: sharp.geometry, plan: fine.plan }]);
    expect(found).toEqual(labels);
    expect(maps.some((value) => value === 1)).toBe(true);
    await whole.close();
  });

  it("of one fold takes the same fold of the coarser stage", async () => {
    const predictor = await open(fold("3d_cascade_fullres", 1));
    expect(predictor.plan.stages["3d_lowres"]!.files).toEqual([join(fold("3d_lowres", 1), "model.onnx")]);
  });

  it("is no single file", async () => {
    await expect(open(join(fold("3d_cascade_fullres", 0), "model.onnx"))).rejects.toThrow(
      /looks at what 3d_lowres says, and that is not in the file/,
    );
  });
});

describe("what does not predict", () => {
  it("says that nobody has chosen yet", async () => {
    await expect(open(dir)).rejects.toThrow(
      /several configurations are trained and none has been chosen.*gyrus find-best/,
    );
  });

  it("refuses folds that were trained differently, and weights of another network", async () => {
    const other = join(dir, "mixed");
    await writeFold(other, modelFor("3d_fullres"), 0);
    const plan = voxelPlan();
    const ofWidth = (width: number) => {
      const changed = { ...plan.configurations["3d_fullres"]!, widths: [width] };
      return modelFor("3d_fullres", { ...plan, configurations: { "3d_fullres": changed } });
    };
    const wider = ofWidth(3);
    const run = await writeFold(other, wider, 1);
    await expect(open(join(other, "3d_fullres"))).rejects.toThrow(
      /fold-1\/model\.onnx: networks that are to be averaged were trained by different plans/,
    );
    const bytes = encodeNetwork(wider, levelWeights(wider, 1));
    // The record of one network on the weights of another, as long as it: names and lengths in the file stay right.
    const [from, to] = [JSON.stringify(wider), JSON.stringify(ofWidth(2))];
    expect(from.length).toBe(to.length);
    const text = Buffer.from(bytes).toString("latin1").replace(from, to);
    await writeFile(join(run, "model.onnx"), Buffer.from(text, "latin1"));
    const predictor = await open(run);
    await expect(predictVolume(predictor, levels("x").scan)).rejects.toThrow(
      /model\.onnx: the network's weights are not those of its plan\. Expected parameter\/encoder0\.conv0\.weight of 2x1x1x1x1\. Found 3x1x1x1x1/,
    );
  });

  it("names the scan with other channels", async () => {
    const { scan } = levels("x");
    const predictor = await open(fold("2d", 0));
    const two = { ...scan, channels: 2, data: Float32Array.from([...scan.data, ...scan.data]) };
    await expect(predictVolume(predictor, two, { where: "x.nii.gz" })).rejects.toThrow(
      "x.nii.gz: the case has not the channels that the plan is for. Expected 1: T1. Found 2.",
    );
  });

  it("refuses a scan that is not finite or constant, by name", async () => {
    const { scan } = levels("x");
    const predictor = await open(fold("2d", 0));
    const holes = { ...scan, data: scan.data.map((x, at) => (at === 5 ? Number.NaN : x)) };
    await expect(predictVolume(predictor, holes, { where: "x.nii.gz" })).rejects.toThrow(
      /x\.nii\.gz: .*finite/,
    );
    const flat = { ...scan, data: scan.data.map(() => 3) };
    await expect(predictVolume(predictor, flat, { where: "x.nii.gz" })).rejects.toThrow(
      /x\.nii\.gz: the image is constant/,
    );
  });
});
