import { fail } from "../core/errors.js";
import type { Case, DataSet } from "../io/dataset.js";
import { nodeFiles } from "../io/node.js";
import { spacingMm } from "../volume/affine.js";
import type { Grid } from "../volume/volume.js";

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

/** How many people a data set is of. */
export function subjectCount(cases: readonly Case[]): number {
  return new Set(cases.map(({ subject }) => subject)).size;
}

/** Whether a data set says of itself that it is simulated: `GeneratedBy` Gyrus in its description. */
export async function isSimulated(dir: string): Promise<boolean> {
  const text = await nodeFiles.read(`${dir}/dataset_description.json`).catch(() => undefined);
  return text !== undefined && /simulated/i.test(new TextDecoder().decode(text));
}
