import { fail } from "../core/errors.js";
import { openBids } from "./dataset-bids.js";
import { openMsd } from "./dataset-msd.js";
import { openPairs } from "./dataset-pairs.js";
import type { DataSet, DataSetOptions } from "./dataset-types.js";
import type { FileSystem } from "./files.js";

export type { Case, DataSet, DataSetOptions, LabelName } from "./dataset-types.js";

/**
 * Open a data set folder: Decathlon or nnU-Net (a `dataset.json`), BIDS (folders `sub-*`), or pairs of folders of
 * images and labels with equal names. Only names and tables are read, no voxels. Throws `not-found` or
 * `bad-data` that says what such a folder looks like.
 */
export async function openDataSetFrom(
  files: FileSystem,
  root: string,
  options: DataSetOptions = {},
): Promise<DataSet> {
  const entries = await files.list(root);
  if (entries === undefined)
    fail("not-found", { what: "there is no such folder", where: root, fix: "Check the path" });
  const has = (test: (name: string) => boolean, folder: boolean): boolean =>
    entries.some((entry) => entry.folder === folder && test(entry.name));
  const dataset = has((name) => name === "dataset.json", false)
    ? await openMsd(files, root, options)
    : has((name) => /^sub-/.test(name), true)
      ? await openBids(files, root, options)
      : await openPairs(files, root, options);
  if (dataset.cases.length === 0)
    fail("bad-data", {
      what: "the data set has no cases",
      where: root,
      expected: "at least one image",
      fix: "Check the folder and the channels asked for",
    });
  return dataset;
}
