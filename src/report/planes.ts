import { applyAffine } from "../volume/affine.js";
import { orientationOf } from "../volume/orient.js";
import type { Grid, Size3 } from "../volume/volume.js";

export type Plane = "axial" | "coronal" | "sagittal";

/**
 * Which side of the patient lies on the viewer's left in axial and coronal panels.
 * - `radiological`: the patient's right is on the left of the screen, as if seen from the feet.
 * - `neurological`: the patient's left is on the left of the screen.
 * - `as-stored`: i runs to the right and j down, whatever the affine says; for pictures that are not anatomy.
 *
 * In the first two, sagittal panels look to the left (anterior on the left) and up is superior, in axial
 * panels anterior.
 */
export type Convention = "radiological" | "neurological" | "as-stored";

/** The letters at the four edges of a panel: which way of the body lies there. */
export interface EdgeLetters {
  readonly left: string;
  readonly right: string;
  readonly top: string;
  readonly bottom: string;
}

/** How one plane of a grid is laid on the screen. Axes are voxel axes 0, 1, 2 = i, j, k. */
export interface PlaneView {
  readonly plane: Plane;
  readonly across: number;
  readonly down: number;
  readonly through: number;
  /** Whether the voxel index falls as the screen coordinate grows. */
  readonly mirrorAcross: boolean;
  readonly mirrorDown: boolean;
  /** World axis 0, 1, 2 = x, y, z that the plane is perpendicular to (nearest). */
  readonly worldAxis: number;
  readonly letters?: EdgeLetters;
}

const names = [
  ["L", "R"],
  ["P", "A"],
  ["I", "S"],
] as const;

const layouts: { plane: Plane; across: number; up: number; through: number }[] = [
  { plane: "axial", across: 0, up: 1, through: 2 },
  { plane: "coronal", across: 0, up: 2, through: 1 },
  { plane: "sagittal", across: 1, up: 2, through: 0 },
];

/** The axial, coronal and sagittal views of a grid; a flat grid has only the one that lies in it. */
export function planeViews(grid: Grid, convention: Convention): PlaneView[] {
  if (convention === "as-stored") return storedViews.filter((view) => isFlatAlong(grid.size, view.through));
  const { axes, flipped } = orientationOf(grid.affine);
  return layouts
    .map(({ plane, across, up, through }): PlaneView => {
      // Screen right is towards L (radiological) or R (neurological); sagittal panels face left in both.
      const towards = plane === "sagittal" || convention === "radiological" ? -1 : 1;
      const [low, high] = names[across]!;
      return {
        plane,
        across: axes[across]!,
        down: axes[up]!,
        through: axes[through]!,
        mirrorAcross: flipped[across] !== towards < 0,
        mirrorDown: !flipped[up],
        worldAxis: through,
        letters: {
          left: towards < 0 ? high : low,
          right: towards < 0 ? low : high,
          top: names[up]![1],
          bottom: names[up]![0],
        },
      };
    })
    .filter((view) => isFlatAlong(grid.size, view.through));
}

const storedViews: PlaneView[] = [
  { plane: "axial", across: 0, down: 1, through: 2 },
  { plane: "coronal", across: 0, down: 2, through: 1 },
  { plane: "sagittal", across: 1, down: 2, through: 0 },
].map((view) => ({
  ...view,
  plane: view.plane as Plane,
  mirrorAcross: false,
  mirrorDown: false,
  worldAxis: view.through,
}));

/** True when no other axis is flat, or when this one is: only then is the plane worth drawing. */
function isFlatAlong(size: Size3, through: number): boolean {
  return size[through] === 1 || size.every((extent) => extent > 1);
}

/** World coordinate (mm) along `view.worldAxis` of the middle of one slice. */
export function slicePositionMm(grid: Grid, view: PlaneView, slice: number): number {
  const at = grid.size.map((extent) => (extent - 1) / 2) as [number, number, number];
  at[view.through] = slice;
  return applyAffine(grid.affine, at)[view.worldAxis]!;
}

/**
 * The slice to show along each voxel axis: through the centre of mass of the labels, or the middle of the grid
 * where there are none. A centre of mass can fall between two structures (left and right hippocampus); where
 * its slice holds less than half of what the fullest slice holds, the fullest is shown.
 */
export function chooseSlices(size: Size3, labels: ArrayLike<number> | undefined): [number, number, number] {
  const middle = size.map((extent) => Math.floor((extent - 1) / 2)) as [number, number, number];
  if (labels === undefined) return middle;
  const counts = size.map((extent) => new Float64Array(extent));
  const [ni, nj, nk] = size;
  for (let k = 0, at = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, at++)
        if (labels[at] !== 0) {
          counts[0]![i]!++;
          counts[1]![j]!++;
          counts[2]![k]!++;
        }
  return counts.map((count, axis) => {
    let total = 0;
    let moment = 0;
    let fullest = 0;
    count.forEach((n, index) => {
      total += n;
      moment += n * index;
      if (n > count[fullest]!) fullest = index;
    });
    if (total === 0) return middle[axis]!;
    const centre = Math.round(moment / total);
    return count[centre]! * 2 < count[fullest]! ? fullest : centre;
  }) as [number, number, number];
}
