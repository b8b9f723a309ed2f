import { fail } from "../../../core/errors.js";
import type { DataSet } from "../../../io/dataset-types.js";
import type { Plan } from "./plan.js";

/** What of a data set a plan was made for. */
type Described = Pick<
  DataSet,
  "channels" | "background" | "labels" | "labelValues" | "regions" | "ignoredClass"
>;

/**
 * Throws `bad-argument` where a plan was made for other channels, labels or regions than a data set has: its networks
 * would learn numbers that mean something else.
 */
export function requirePlanOf(plan: Plan, data: Described, where: string): void {
  const { classes, regions, ignoredClass, labelValues } = plan.dataset;
  const planned = wordsOf({
    channels: plan.channels.map(({ name }) => name),
    classes,
    labelValues,
    regions: regions ?? [],
    ignoredClass,
  });
  const found = wordsOf({
    channels: data.channels,
    classes: [data.background, ...data.labels.map(({ name }) => name)],
    labelValues: data.labelValues,
    regions: data.regions ?? [],
    ignoredClass: data.ignoredClass ?? null,
  });
  for (const [part, words] of Object.entries(planned))
    if (words !== found[part])
      fail("bad-argument", {
        what: `the plan is for other ${part} than the data set has`,
        where,
        expected: words,
        found: found[part]!,
        fix: "Give --labels and --channels as they were for the plan, or start another experiment with a plan of this data set",
      });
}

function wordsOf({
  channels,
  classes,
  labelValues,
  regions,
  ignoredClass,
}: {
  readonly channels: readonly string[];
  readonly classes: readonly string[];
  readonly labelValues: readonly number[];
  readonly regions: NonNullable<Plan["dataset"]["regions"]> | NonNullable<DataSet["regions"]>;
  readonly ignoredClass: number | null;
}): Record<string, string> {
  const painted = regions.map(
    ({ name, classes: own, paintedAs }) =>
      `${name} of classes ${own.join(", ")}, painted as ${paintedAs ?? "none"}`,
  );
  return {
    channels: channels.join(", "),
    labels: classes.map((name, at) => `${name} ${labelValues[at] ?? "?"}`).join(", "),
    regions: painted.length === 0 ? "none" : painted.join("; "),
    "voxels without a label": ignoredClass === null ? "none" : `the value ${labelValues[ignoredClass]}`,
  };
}
