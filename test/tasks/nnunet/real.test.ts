import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DataSet, openDataSetFrom } from "../../../src/io/dataset.js";
import { loadCase, nodeFiles } from "../../../src/io/node.js";
import { measureDataSet } from "../../../src/tasks/segmentation/nnunet/facts.node.js";
import { planDataSet } from "../../../src/tasks/segmentation/nnunet/planner.js";
import { prepareDataSet, readPrepared } from "../../../src/tasks/segmentation/nnunet/prepare.node.js";
import { prepareCase } from "../../../src/tasks/segmentation/nnunet/preprocess.js";
import { restoreClasses } from "../../../src/tasks/segmentation/nnunet/restore.js";
import type { LabelVolume } from "../../../src/volume/volume.js";

const data = join(import.meta.dirname, "../../../../shared/data");
const there = (name: string): boolean => existsSync(join(data, name));
for (const name of ["msd-hippocampus", "spinal-cord", "brats-2013"])
  if (!there(name))
    console.warn(`SKIPPED: nnU-Net on real data, because ../shared/data/${name} is not there`);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-real-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function oneHot({ data: classes }: LabelVolume, count: number): Float32Array {
  const out = new Float32Array(count * classes.length);
  for (let at = 0; at < classes.length; at++) out[classes[at]! * classes.length + at] = 1;
  return out;
}

/** Links to real files under the names that nnU-Net and the Decathlon want. */
async function linked(
  name: string,
  files: Readonly<Record<string, string>>,
  json: unknown,
): Promise<DataSet> {
  const root = join(folder, name);
  for (const sub of ["imagesTr", "labelsTr"]) await mkdir(join(root, sub), { recursive: true });
  for (const [place, source] of Object.entries(files)) await symlink(join(data, source), join(root, place));
  await writeFile(join(root, "dataset.json"), JSON.stringify(json));
  return openDataSetFrom(nodeFiles, root);
}

describe("nnU-Net's first half on real data (SKIPPED where ../shared/data is absent)", () => {
  it.skipIf(!there("msd-hippocampus"))("hippocampus: the published patch and topology", async () => {
    const whole = await openDataSetFrom(nodeFiles, join(data, "msd-hippocampus"));
    const dataset = { ...whole, cases: whole.cases.slice(0, 40) };
    const { fingerprint } = await measureDataSet(dataset);
    const plan = planDataSet(fingerprint, dataset);
    const full = plan.configurations["3d_fullres"]!;
    expect(full).toMatchObject({ spacingMm: [1, 1, 1], patch: [40, 56, 40], widths: [32, 64, 128, 256] });
    expect(Object.keys(plan.configurations)).toEqual(["2d", "3d_fullres"]);
    const two = { ...dataset, cases: dataset.cases.slice(0, 2) };
    const [first] = await prepareDataSet(two, plan, "3d_fullres", join(folder, "hippocampus"));
    const prepared = await readPrepared(first!.path);
    const back = restoreClasses(oneHot(prepared.label!, 3), prepared.geometry, plan);
    // At 1 mm already: not a voxel may differ.
    expect(back).toEqual((await loadCase(dataset, dataset.cases[0]!)).label);
  });

  it.skipIf(!there("spinal-cord"))("spinal cord: there and back at another voxel size", async () => {
    const names = ["t1w", "t2"];
    const files = Object.fromEntries(
      names.flatMap((name) => [
        [`imagesTr/${name}.nii.gz`, `spinal-cord/${name}.nii.gz`],
        [`labelsTr/${name}.nii.gz`, `spinal-cord/${name}_seg-manual.nii.gz`],
      ]),
    );
    const training = names.map((name) => ({
      image: `imagesTr/${name}.nii.gz`,
      label: `labelsTr/${name}.nii.gz`,
    }));
    const dataset = await linked("cord", files, { labels: { "0": "background", "1": "cord" }, training });
    const plan = planDataSet((await measureDataSet(dataset)).fingerprint, dataset);
    for (const one of dataset.cases) {
      const loaded = await loadCase(dataset, one);
      const prepared = prepareCase(loaded, plan, { dimensions: 3, spacingMm: [0.8, 0.7, 0.7] });
      const back = restoreClasses(oneHot(prepared.label!, 2), prepared.geometry, plan);
      let [both, sum] = [0, 0];
      for (let at = 0; at < back.data.length; at++) {
        both += back.data[at]! * loaded.label!.data[at]!;
        sum += back.data[at]! + loaded.label!.data[at]!;
      }
      expect((2 * both) / sum, one.id).toBeGreaterThan(0.95);
    }
  });

  it.skipIf(!there("brats-2013"))("BraTS: two channels, three regions from four labels", async () => {
    const patient = "brats-2013/validation/brats_2013_pat0003_1";
    const dataset = await linked(
      "brats",
      {
        "imagesTr/p_0000.nii.gz": `${patient}/Flair_subtrMeanDivStd.nii.gz`,
        "imagesTr/p_0001.nii.gz": `${patient}/T1c_subtrMeanDivStd.nii.gz`,
        "labelsTr/p.nii.gz": `${patient}/OTMultiClass.nii.gz`,
      },
      {
        channel_names: { "0": "FLAIR", "1": "T1c" },
        labels: { background: 0, whole: [1, 2, 3, 4], core: [1, 3, 4], enhancing: 4 },
        regions_class_order: [2, 1, 4],
        numTraining: 1,
        file_ending: ".nii.gz",
      },
    );
    const plan = planDataSet((await measureDataSet(dataset)).fingerprint, dataset);
    expect(plan.configurations["3d_fullres"]!.medianSize).toEqual([155, 240, 240]);
    expect(plan.dataset.regions!.map(({ name }) => name)).toEqual(["whole", "core", "enhancing"]);
    const loaded = await loadCase(dataset, dataset.cases[0]!);
    const prepared = prepareCase(loaded, plan, { dimensions: 3, spacingMm: [3, 3, 3] });
    expect(prepared.locations!.map(({ length }) => length > 0)).toEqual([true, true, true]);
    const voxels = prepared.label!.data.length;
    const probabilities = new Float32Array(3 * voxels);
    plan.dataset.regions!.forEach(({ classes }, region) => {
      for (let at = 0; at < voxels; at++)
        if (classes.includes(prepared.label!.data[at]!)) probabilities[region * voxels + at] = 1;
    });
    const back = restoreClasses(probabilities, prepared.geometry, plan);
    let [both, sum] = [0, 0];
    for (let at = 0; at < back.data.length; at++) {
      const [found, truth] = [Number(back.data[at]! > 0), Number(loaded.label!.data[at]! > 0)];
      both += found * truth;
      sum += found + truth;
    }
    expect((2 * both) / sum).toBeGreaterThan(0.9);
  });
});
