import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Configuration } from "../../../src/tasks/segmentation/nnunet/plan.js";
import { planDataSet } from "../../../src/tasks/segmentation/nnunet/planner.js";

type Triple = readonly [number, number, number];
type Expected = Pick<Configuration, "patch" | "batch" | "strides" | "kernels" | "spacingMm" | "medianSize">;

/** Data sets drawn at random and their plans by the reference's rules in Python; everything in its order, k, j, i. */
interface Row {
  readonly spacings: readonly Triple[];
  readonly shapes: readonly Triple[];
  readonly classes: number;
  readonly memoryGb: number;
  readonly order: readonly number[];
  readonly configurations: Readonly<Record<string, Expected>>;
}

/**
 * From nnU-Net v2's planner (numpy, its rounding and its ties), with the one change that `topologyOf` tells of. Six
 * hundred such data sets were compared when this was written; some of them stand here.
 */
const rows = JSON.parse(
  readFileSync(new URL("planner.golden.json", import.meta.url), "utf8"),
) as readonly Row[];

const turned = ([k, j, i]: Triple): [number, number, number] => [i, j, k];

describe("plans of data sets drawn at random are the reference's, number by number", () => {
  it.each(rows.map((row, at) => [at, row] as const))("data set %i", (_, row) => {
    const labels = Array.from({ length: row.classes - 1 }, (_label, at) => ({
      value: at + 1,
      name: `${at + 1}`,
    }));
    const cases = row.spacings.map((mm, at) => ({
      id: `${at}`,
      spacingMm: turned(mm),
      size: turned(row.shapes[at]!),
      sizeBefore: turned(row.shapes[at]!),
      shearDegrees: 0,
    }));
    const plan = planDataSet(
      { cases, channels: [{ name: "MRI", foreground: null }], medianRelativeSize: 1 },
      { name: "drawn", background: "b", labels, labelValues: [0, ...labels.map(({ value }) => value)] },
      { memoryGb: row.memoryGb },
    );
    expect(plan.axes.map((axis) => 2 - axis)).toEqual(row.order);
    const { "3d_cascade_fullres": cascade, ...others } = plan.configurations;
    expect(Object.keys(others).sort()).toEqual(Object.keys(row.configurations).sort());
    expect(cascade !== undefined).toBe("3d_lowres" in row.configurations);
    for (const [name, { spacingMm, ...expected }] of Object.entries(row.configurations)) {
      const found = others[name as keyof typeof others]!;
      expect(found, name).toMatchObject(expected);
      found.spacingMm.forEach((mm, axis) => {
        expect(mm).toBeCloseTo(spacingMm[axis]!, 9);
      });
    }
  });
});
