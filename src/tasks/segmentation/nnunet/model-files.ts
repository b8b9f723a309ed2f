import { fail } from "../../../core/errors.js";
import { readMetadata } from "../../../graph/onnx/model.js";
import type { FileSystem } from "../../../io/files.js";
import { parseJson } from "../../../io/json.js";
import { modelSchema, type NnunetModel } from "./model.js";
import { configurationOf } from "./plan.js";

/** The record in an `.onnx` file. Throws `bad-file` for a file that is not of this method. */
export async function readModelRecord(files: FileSystem, path: string): Promise<NnunetModel> {
  const metadata = readMetadata(await files.read(path), path).gyrus;
  return parseJson(modelSchema, metadata ?? "{}", `${path} (metadata "gyrus")`);
}

/** The record that networks have in common. Throws `bad-data` where one was trained by another plan. */
export async function commonModel(files: FileSystem, paths: readonly string[]): Promise<NnunetModel> {
  const first = await readModelRecord(files, paths[0]!);
  for (const path of paths.slice(1)) {
    const other = await readModelRecord(files, path);
    if (predictingParts(other) !== predictingParts(first))
      fail("bad-data", {
        what: "networks that are to be averaged were trained by different plans",
        where: path,
        expected: `voxel size, patch, network and labels of ${paths[0]}`,
        found: `preset ${other.preset}, ${other.configuration}`,
        fix: "Train all folds of a configuration alike, or name the folds one by one",
      });
  }
  return first;
}

/** What of a model decides a prediction: a batch that was lowered for lack of memory, for example, does not. */
function predictingParts({ configuration, plan, mirrorAxes, overlap }: NnunetModel): string {
  const { axes, channels, resampling, dataset } = plan;
  const { dimensions, spacingMm, patch, widths, strides, kernels, convolutionsPerStage, previous } =
    configurationOf(plan, configuration);
  const network = { dimensions, spacingMm, patch, widths, strides, kernels, convolutionsPerStage, previous };
  const { classes, regions, labelValues, ignoredClass } = dataset;
  const labels = { classes, regions, labelValues, ignoredClass };
  return JSON.stringify({ configuration, mirrorAxes, overlap, axes, channels, resampling, labels, network });
}
