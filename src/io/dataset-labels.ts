import type { DataSet } from "./dataset-types.js";

/** Classes from stored values: background is 0, the others become 1, 2, … in ascending order. */
export function classesOf(
  names: ReadonlyMap<number, string>,
): Pick<DataSet, "labels" | "labelValues" | "background"> {
  const values = [...names.keys()].filter((value) => value !== 0).sort((a, b) => a - b);
  return {
    background: names.get(0) ?? "background",
    labelValues: [0, ...values],
    labels: values.map((value, at) => ({ value: at + 1, name: names.get(value)! })),
  };
}

/** Label names of the options over those of the data set. */
export function overrideLabels(
  names: ReadonlyMap<number, string>,
  overrides: Readonly<Record<number, string>> | undefined,
): Map<number, string> {
  const merged = new Map(names);
  for (const [value, name] of Object.entries(overrides ?? {})) merged.set(Number(value), name);
  return merged;
}

/** Order by the numbers in names: 2 before 10. */
export function byNumber(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true }) || (a < b ? -1 : a > b ? 1 : 0);
}
