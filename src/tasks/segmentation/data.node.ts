import { fail } from "../../core/errors.js";
import type { LoadedCase } from "../../io/case.js";
import type { Case, DataSet } from "../../io/dataset.js";
import { loadCase } from "../../io/node.js";
import type { LabelVolume } from "../../volume/volume.js";
import type { TrainingCase } from "./batches.js";
import { type Preparation, prepareImage, prepareLabel } from "./prepare.js";

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
