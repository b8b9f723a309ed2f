import { fail } from "../core/errors.js";
import { classesOf, overrideLabels } from "./dataset-labels.js";
import type { DataSet, Region } from "./dataset-types.js";

/** What `dataset.json` says of labels. */
interface Described {
  readonly labels: Readonly<Record<string, string | number | readonly number[]>>;
  readonly regions_class_order?: readonly number[] | undefined;
}

const example = '"labels": {"0": "background", "1": "hippocampus"}';

/** The name that nnU-Net reserves for voxels nobody labelled. */
const ignored = "ignore";

/**
 * Classes, regions and the ignored class of a `dataset.json`. Decathlon writes `{"1": "name"}`, nnU-Net
 * `{"name": 1}`; regions (`{"core": [2, 3]}`, painted in `regions_class_order`) and `"ignore"` are nnU-Net's alone.
 * Values need not follow each other. Throws `bad-file` that names the key.
 */
export function labelsOf(
  { labels, regions_class_order: order }: Described,
  path: string,
  overrides: Readonly<Record<number, string>> | undefined,
): Pick<DataSet, "labels" | "labelValues" | "background" | "regions" | "ignoredClass"> {
  const named = entriesOf(labels, path);
  const ignoredValue = named.find(({ name }) => name === ignored)?.values[0];
  const kept = named.filter(({ name }) => name !== ignored);
  const withRegions = kept.some(({ values }) => values.length > 1);
  const names = withRegions ? namesOfRegions(kept) : namesOfLabels(kept, path);
  const classes = classesOf(overrideLabels(names, overrides));
  const { labelValues } = classes;
  if (ignoredValue !== undefined && labelValues.includes(ignoredValue))
    fail("bad-file", {
      what: `the label "${ignored}" has the number of another label`,
      where: `${path}, labels.${ignored}`,
      expected: "a number of its own, best the highest",
      found: `${ignoredValue}`,
      fix: "Give it a number of its own, in the label maps too",
    });
  return {
    ...classes,
    labelValues: ignoredValue === undefined ? labelValues : [...labelValues, ignoredValue],
    ...(withRegions ? { regions: regionsOf(kept, labelValues, order, path) } : {}),
    ...(ignoredValue === undefined ? {} : { ignoredClass: labelValues.length }),
  };
}

interface Entry {
  readonly name: string;
  readonly values: readonly number[];
}

function entriesOf(labels: Described["labels"], path: string): Entry[] {
  return Object.entries(labels).map(([key, value]) => {
    const plain = typeof value === "string";
    const values = plain ? [Number(key)] : typeof value === "number" ? [value] : value;
    const wrong = values.find((x) => !(Number.isInteger(x) && x >= 0 && x <= 65535));
    if (wrong !== undefined || values.length === 0)
      fail("bad-file", {
        what: "a label has no number",
        where: `${path}, labels.${key}`,
        expected: example,
        found: `"${key}": ${JSON.stringify(value)}`,
        fix: "Give every label a whole number from 0 on",
      });
    return { name: plain ? value : key, values };
  });
}

function namesOfLabels(entries: readonly Entry[], path: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const { name, values } of entries) {
    const [value] = values as [number];
    if (names.has(value))
      fail("bad-file", {
        what: `the labels "${names.get(value)}" and "${name}" have the same number`,
        where: `${path}, labels.${name}`,
        expected: "a number for every label",
        found: `${value} twice`,
        fix: "Give one of them another number, in the label maps too",
      });
    names.set(value, name);
  }
  return names;
}

/** Every value that a region is made of is a class; one with a region to itself has the region's name. */
function namesOfRegions(entries: readonly Entry[]): Map<number, string> {
  const names = new Map<number, string>();
  for (const { values } of entries) for (const value of values) names.set(value, `label ${value}`);
  for (const { name, values } of entries) if (values.length === 1) names.set(values[0]!, name);
  names.set(0, entries.find(({ values }) => values.length === 1 && values[0] === 0)?.name ?? "background");
  return names;
}

function regionsOf(
  entries: readonly Entry[],
  labelValues: readonly number[],
  order: readonly number[] | undefined,
  path: string,
): Region[] {
  const regions = entries.filter(({ values }) => !(values.length === 1 && values[0] === 0));
  const where = `${path}, regions_class_order`;
  if (order === undefined || order.length !== regions.length)
    fail("bad-file", {
      what: "it is not said which label each region is painted with",
      where,
      expected: `${regions.length} labels, for ${regions.map(({ name }) => name).join(", ")} in this order`,
      found: order === undefined ? "nothing" : `${order.length}`,
      fix: `Add "regions_class_order": [${regions.map(({ values }) => values[0]).join(", ")}], the outermost region first`,
    });
  return regions.map(({ name, values }, at) => {
    const paintedAs = labelValues.indexOf(order[at]!);
    if (paintedAs < 0)
      fail("bad-file", {
        what: `the region "${name}" is painted with a label that there is not`,
        where,
        expected: `one of ${labelValues.slice(1).join(", ")}`,
        found: `${order[at]}`,
        fix: `Put one of these in the place of ${order[at]}`,
      });
    return { name, classes: values.map((value) => labelValues.indexOf(value)), paintedAs };
  });
}
