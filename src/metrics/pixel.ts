import { fail } from "../core/errors.js";
import { type Connectivity, connectedComponents } from "../volume/components.js";
import type { Volume } from "../volume/volume.js";
import { requireOneGrid } from "./grid.js";
import type { LabelCounts } from "./overlap.js";

/** Share of voxels whose label is right, background included; `null` when no voxel was compared. */
export function pixelAccuracy({ both, voxels }: LabelCounts): number | null {
  if (voxels === 0) return null;
  return both.reduce((sum, count) => sum + count, 0) / voxels;
}

/** How well objects, not pixels, were found. */
export interface InstanceScores {
  /** Mean over reference objects of the IoU with the component that holds most of it: the SEG measure. */
  readonly seg: number | null;
  /** Reference objects, and how many of them have a component that covers more than half of them. */
  readonly objects: number;
  readonly found: number;
  readonly components: number;
  /** Components that cover more than half of each of several reference objects. */
  readonly merged: number;
}

export interface InstanceOptions {
  /** 4 in 2-D and 6 in 3-D unless told. */
  readonly connectivity?: Connectivity;
  /** Components with fewer pixels are dropped before matching. */
  readonly minimumSize?: number;
}

/**
 * The SEG measure of the cell tracking challenge (Maška et al. 2014) and the count of merged objects.
 *
 * `reference` holds one value per object, 0 outside (label a mask's objects with `connectedComponents` first).
 * `foreground` is non-zero where the prediction says object; its connected components are the predicted
 * objects. A reference object R is found by the component S with |R ∩ S| > |R| / 2, of which there is at most
 * one, and scores |R ∩ S| / |R ∪ S|, or 0 when there is none. `seg` is `null` when there are no reference
 * objects. This is not the IoU of all foreground pixels: do not mix them. Throws `geometry` when grids differ.
 */
export function instanceScores(
  reference: Volume,
  foreground: Volume,
  { connectivity, minimumSize = 0 }: InstanceOptions = {},
): InstanceScores {
  requireOneGrid(reference, foreground);
  if (!(minimumSize >= 0))
    fail("bad-argument", {
      what: "the smallest size of an object is not a number of pixels",
      expected: "minimumSize of 0 or more",
      found: `${minimumSize}`,
    });
  const neighbours = connectivity ?? (reference.size[2] === 1 ? 4 : 6);
  const { volume, sizes } = connectedComponents(foreground, neighbours);
  const objectSizes = new Map<number, number>();
  const shared = new Map<number, Map<number, number>>();
  for (let v = 0; v < volume.data.length; v++) {
    const object = reference.data[v]!;
    if (object === 0) continue;
    objectSizes.set(object, (objectSizes.get(object) ?? 0) + 1);
    const component = volume.data[v]!;
    if (component === 0 || sizes[component - 1]! < minimumSize) continue;
    let row = shared.get(object);
    if (row === undefined) {
      row = new Map();
      shared.set(object, row);
    }
    row.set(component, (row.get(component) ?? 0) + 1);
  }
  let total = 0;
  const holds = new Map<number, number>(); // component → objects it covers
  for (const [object, size] of objectSizes)
    for (const [component, both] of shared.get(object) ?? []) {
      if (both <= size / 2) continue;
      total += both / (size + sizes[component - 1]! - both);
      holds.set(component, (holds.get(component) ?? 0) + 1);
    }
  const covered = [...holds.values()];
  return {
    seg: objectSizes.size === 0 ? null : total / objectSizes.size,
    objects: objectSizes.size,
    found: covered.reduce((sum, count) => sum + count, 0),
    components: sizes.filter((size) => size >= minimumSize).length,
    merged: covered.filter((count) => count > 1).length,
  };
}
