import type { Command } from "commander";
import { fail } from "../core/errors.js";
import type { DataSetOptions } from "../io/dataset-types.js";

/** The options by which a person says how a data set is to be read; see `DataSetOptions`. */
export interface DataSetFlags {
  readonly channels?: readonly string[];
  readonly labels?: Readonly<Record<number, string>>;
  readonly derivative?: string;
  readonly segmentation?: string;
}

export function addDataSetOptions(command: Command): void {
  command
    .option("--channels <names>", "which images are the channels, by commas: T1w,FLAIR", (text) =>
      text.split(",").map((name) => name.trim()),
    )
    .option(
      "--labels <names>",
      "names of the labels by their value in the files: 1=anterior,2=posterior",
      labelNames,
    )
    .option("--derivative <folder>", "BIDS: which folder under derivatives/ holds the segmentations")
    .option("--segmentation <entity>", "BIDS: which segmentation, by its desc- or label- entity");
}

export function dataSetOptions(flags: DataSetFlags): DataSetOptions {
  const { channels, labels, derivative, segmentation } = flags;
  return {
    ...(channels === undefined ? {} : { channels }),
    ...(labels === undefined ? {} : { labels }),
    ...(derivative === undefined ? {} : { derivative }),
    ...(segmentation === undefined ? {} : { segmentation }),
  };
}

/** "1=anterior,2=posterior" by stored value. */
export function labelNames(text: string): Record<number, string> {
  const pairs = text.split(",").map((pair): [number, string] => {
    const [, value, name] = /^\s*(\d+)\s*=\s*(\S.*?)\s*$/.exec(pair) ?? [];
    if (value === undefined || name === undefined)
      fail("bad-argument", {
        what: "the names of the labels are not understood",
        where: "--labels",
        expected: "the value in the file, an equals sign and a name, by commas: 1=anterior,2=posterior",
        found: `"${text}"`,
      });
    return [Number(value), name];
  });
  return Object.fromEntries(pairs);
}
