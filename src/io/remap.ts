import { fail } from "../core/errors.js";
import type { DataSet, LabelName } from "./dataset-types.js";

/** New values of label files by the old ones. */
export type Remap = ReadonlyMap<number, number>;

/** How labels are to be renumbered: as proposed for values outside the table, without gaps, or as given. */
export type RemapChoice = "proposed" | "consecutive" | Remap;

/** Values of label files, and how many files have each. */
export type ValueCounts = ReadonlyMap<number, number>;

/** More different values than this are an image, not labels. */
export const mostValues = 256;

/** Labels that were multiplied or smoothed a little still lie this close to whole numbers. */
export const nearlyWhole = 0.01;

type Table = Pick<DataSet, "labelValues">;

/**
 * What values outside the table of labels most likely mean; undefined where nothing suggests itself. Nothing is changed
 * by it: people decide. Values beside whole numbers of the table are rounded; otherwise as many strange values as
 * there are labels that no file has are taken for these in their order (255 for 1 in a black-and-white mask).
 */
export function proposeRemap(found: ValueCounts, { labelValues }: Table): Remap | undefined {
  const strange = [...found.keys()].filter((value) => !labelValues.includes(value)).sort((a, b) => a - b);
  if (strange.length === 0) return undefined;
  const rounded = strange.map((value) => Math.round(value));
  const close = strange.every((value, at) => Math.abs(value - rounded[at]!) <= nearlyWhole);
  if (close && rounded.every((value) => labelValues.includes(value)))
    return new Map(strange.map((value, at) => [value, rounded[at]!]));
  const missing = labelValues.slice(1).filter((value) => !found.has(value));
  if (missing.length !== strange.length || strange.some((value) => value < 0)) return undefined;
  return new Map(strange.map((value, at) => [value, missing[at]!]));
}

/** `255=1,3=2`, as the command line takes it. */
export function showRemap(remap: Remap): string {
  return [...remap].map(([from, to]) => `${from}=${to}`).join(",");
}

/**
 * The map from a choice; `fileWith` names a file that holds a value. Throws `bad-data` that lists the values outside the table, with the proposal, when nothing was
 * chosen and some are there, or when there is nothing to propose; `bad-argument` for a map into nowhere.
 */
export function remapFor(
  choice: RemapChoice | undefined,
  found: ValueCounts,
  dataset: Table,
  fileWith: (value: number) => string,
): Remap {
  const { labelValues } = dataset;
  const given = choice instanceof Map ? (choice as Remap) : new Map<number, number>();
  for (const [from, to] of given)
    if (!labelValues.includes(to))
      fail("bad-argument", {
        what: `the value ${from} is to become ${to}, which is no label`,
        where: "--remap",
        expected: `one of ${labelValues.join(", ")}`,
        fix: "Name the new label with --labels, or choose one that there is",
      });
  const strange = [...found].filter(([value]) => !labelValues.includes(value) && !given.has(value));
  const proposal = proposeRemap(new Map([...found].filter(([value]) => !given.has(value))), dataset);
  if (strange.length > 0 && (choice !== "proposed" || proposal === undefined))
    fail("bad-data", {
      what: "label maps hold values that are not in the table of labels",
      where: fileWith(strange[0]![0]),
      expected: labelValues.join(", "),
      found: strange
        .slice(0, 8)
        .map(([value, files]) => `${Number(value.toPrecision(6))} (${files} file${files === 1 ? "" : "s"})`)
        .join(", "),
      fix:
        proposal === undefined
          ? "Say what they are with --remap OLD=NEW, or name them with --labels"
          : `If they mean ${showRemap(proposal)}, give --remap ${showRemap(proposal)} or --remap proposed`,
    });
  if (choice === "consecutive") return new Map(labelValues.map((value, at) => [value, at]));
  return new Map([...given, ...(choice === "proposed" ? (proposal ?? []) : [])]);
}

/** The table of labels after renumbering; the classes stay what they are. */
export function remappedValues(choice: RemapChoice | undefined, { labelValues }: Table): number[] {
  return choice === "consecutive" ? labelValues.map((_, at) => at) : [...labelValues];
}

/** `labels` of a `dataset.json`: Decathlon's numbers first, or nnU-Net's names first where there are regions. */
export function labelsForJson(
  {
    labels,
    background,
    regions,
    ignoredClass,
  }: Pick<DataSet, "labels" | "background" | "regions" | "ignoredClass">,
  values: readonly number[],
): Readonly<Record<string, unknown>> {
  const named = (one: LabelName): [string, string] => [String(values[one.value]!), one.name];
  const plain = { "0": background, ...Object.fromEntries(labels.map(named)) };
  const ignore = ignoredClass === undefined ? {} : { ignore: values[ignoredClass]! };
  if (regions === undefined) return { labels: { ...plain, ...ignore } };
  const made = regions.map(({ name, classes }): [string, number | number[]] => {
    const of = classes.map((value) => values[value]!);
    return [name, of.length === 1 ? of[0]! : of];
  });
  return {
    labels: { [background]: 0, ...Object.fromEntries(made), ...ignore },
    regions_class_order: regions.map(({ paintedAs }) => values[paintedAs ?? 0]!),
  };
}
