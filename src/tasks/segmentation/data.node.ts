import { fail } from "../../core/errors.js";
import type { LoadedCase } from "../../io/case.js";
import type { Case, DataSet } from "../../io/dataset.js";
import { loadCase } from "../../io/node.js";
import { spacingMm } from "../../volume/affine.js";
import type { Grid, LabelVolume } from "../../volume/volume.js";
import type { TrainingCase } from "./batches.js";
import { type Preparation, prepareImage, prepareLabel } from "./prepare.js";

/** The cases with the given ids, in the order of the ids. */
export function casesOf(dataset: DataSet, ids: readonly string[]): Case[] {
  const byId = new Map(dataset.cases.map((one) => [one.id, one]));
  return ids.map(
    (id) =>
      byId.get(id) ??
      fail("not-found", {
        what: `the case ${id} of the run's split is not in the data set`,
        where: dataset.root,
        fix: "Use the data set that the run was trained on, or evaluate on another one with --data",
      }),
  );
}

/** A case in memory with the label that training and evaluation need. */
export interface LabelledCase extends LoadedCase {
  readonly label: LabelVolume;
  /** File of the image, for messages. */
  readonly where: string;
}

/** Load a case that must have a label. */
export async function loadLabelled(dataset: DataSet, one: Case): Promise<LabelledCase> {
  const special = dataset.regions !== undefined ? "regions" : "an ignore label";
  if (dataset.regions !== undefined || dataset.ignoredClass !== undefined)
    fail("unsupported", {
      what: `the data set has ${special}, which this system does not know`,
      where: dataset.root,
      expected: "one number a label, and every voxel labelled",
      fix: "Use an nnU-Net, or list the labels themselves in dataset.json",
    });
  const { label, ...loaded } = await loadCase(dataset, one);
  if (label === undefined)
    fail("bad-data", {
      what: "the case has no label",
      where: one.images[0],
      expected: "a segmentation to learn from or to compare with",
      fix: "Add its label file, or take the case out of the data set",
    });
  return { ...loaded, label, where: one.images[0]! };
}

/** As the network is to see it. */
export function prepareCase(
  { id, image, label, where }: LabelledCase,
  preparation: Preparation,
): TrainingCase {
  return { id, image: prepareImage(image, preparation, where), label: prepareLabel(label, preparation) };
}

/** "1 x 1 x 1 mm" or the range of it, for people. */
export function describeGrids(grids: readonly Grid[]): { spacingsMm: string; sizes: string } {
  const range = (pick: (grid: Grid) => readonly number[], digits: number): string =>
    [0, 1, 2]
      .map((axis) => {
        const values = grids.map((grid) => pick(grid)[axis]!);
        const [low, high] = [Math.min(...values).toFixed(digits), Math.max(...values).toFixed(digits)];
        return low === high ? String(Number(low)) : `${Number(low)}-${Number(high)}`;
      })
      .join(" x ");
  return { spacingsMm: range((grid) => spacingMm(grid.affine), 3), sizes: range((grid) => grid.size, 0) };
}
