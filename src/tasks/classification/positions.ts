import { fail } from "../../core/errors.js";
import type { Shape } from "../../core/tensor.js";
import { applyAffine, invertAffine } from "../../volume/affine.js";
import { type Grid, type Size3, voxelCount } from "../../volume/volume.js";
import type { ClassificationConfig, Framework } from "./config.js";

/** A box of an image that a network sees at a time; it may reach beyond the image, where zeros are. */
export interface Position {
  readonly start: Size3;
  readonly size: Size3;
}

/** What a classifier sees of every image of a grid. */
export interface Views {
  readonly positions: readonly Position[];
  /** Each position has a network of its own. */
  readonly several: boolean;
  /** Axis that slices are perpendicular to; null for volumes. */
  readonly normal: 0 | 1 | 2 | null;
  /** Voxels along i, j, k after resizing, where it is not the positions' own size. */
  readonly resized: Size3 | null;
  /** One position as the network gets it: `[C, k, j, i]` or, of slices, `[C, …]` of the two other axes. */
  readonly shape: Shape;
}

/**
 * What the framework of a configuration shows its network of images on this grid. Throws `bad-argument` where nothing of
 * the image would be seen.
 */
export function viewsOf(
  { framework, network }: Pick<ClassificationConfig, "framework" | "network">,
  grid: Grid,
): Views {
  const channels = network.kind === "resnet" ? network.channels : 1;
  const positions = positionsOf(framework, grid);
  const { size } = positions[0]!;
  const several = framework.kind === "patch" && framework.networks === "each";
  if (framework.kind !== "slice")
    return { positions, several, normal: null, resized: null, shape: [channels, ...[...size].reverse()] };
  const others = [0, 1, 2].filter((axis) => axis !== framework.axis) as [number, number];
  const target: [number, number, number] = [...size];
  if (framework.size !== null)
    others.forEach((axis, n) => {
      target[axis] = framework.size![n]!;
    });
  const same = target.every((extent, axis) => extent === size[axis]);
  return {
    positions,
    several,
    normal: framework.axis,
    resized: same ? null : target,
    shape: [channels, target[others[1]]!, target[others[0]]!],
  };
}

function positionsOf(framework: Framework, { size, affine }: Grid): Position[] {
  switch (framework.kind) {
    case "subject":
      return [{ start: [0, 0, 0], size }];
    case "roi": {
      const inverse = invertAffine(affine);
      return framework.centres.map((centre) => {
        const voxel =
          framework.unit === "voxel"
            ? centre
            : framework.unit === "share"
              ? centre.map((share, axis) => share * (size[axis]! - 1))
              : applyAffine(inverse, centre);
        const start = voxel.map((at, axis) => Math.round(at - (framework.size[axis]! - 1) / 2)) as [
          number,
          number,
          number,
        ];
        return requireInside({ start, size: framework.size }, size, centre, framework.unit);
      });
    }
    case "patch":
      return tiles(size, framework.size, framework.stride);
    case "slice": {
      const { axis, skip } = framework;
      const count = size[axis] - 2 * skip;
      if (count < 1)
        fail("bad-argument", {
          what: "no slices are left",
          where: "framework.skip",
          expected: `less than half of the ${size[axis]} slices along axis ${axis}`,
          found: `${skip} left out at each end`,
        });
      const thin = size.map((extent, other) => (other === axis ? 1 : extent)) as [number, number, number];
      return Array.from({ length: count }, (_, n) => ({
        start: [0, 1, 2].map((other) => (other === axis ? skip + n : 0)) as [number, number, number],
        size: thin,
      }));
    }
  }
}

/** As many patches as fit, the whole of them in the image's middle; along an axis that is shorter than they are, one. */
function tiles(size: Size3, patch: Size3, stride: Size3): Position[] {
  const starts = size.map((extent, axis) => {
    const [p, s] = [patch[axis]!, stride[axis]!];
    if (p >= extent) return [Math.floor((extent - p) / 2)];
    const count = 1 + Math.floor((extent - p) / s);
    const first = Math.floor((extent - (p + (count - 1) * s)) / 2);
    return Array.from({ length: count }, (_, n) => first + n * s);
  }) as [number[], number[], number[]];
  return starts[2].flatMap((k) =>
    starts[1].flatMap((j) => starts[0].map((i): Position => ({ start: [i, j, k], size: patch }))),
  );
}

function requireInside(position: Position, size: Size3, centre: readonly number[], unit: string): Position {
  const seen = position.size.map((extent, axis) => {
    const from = Math.max(0, position.start[axis]!);
    return Math.max(0, Math.min(size[axis]!, position.start[axis]! + extent) - from);
  });
  if (seen[0]! * seen[1]! * seen[2]! < voxelCount(position.size) / 4)
    fail("bad-argument", {
      what: "a region lies outside the images, or nearly so",
      where: "framework.centres",
      expected: `a centre within ${size.join("x")} voxels`,
      found: `${centre.join(", ")} ${unit}`,
      fix: "Give the centres in the world of these images (mm), in voxels or in shares of the extents (framework.unit)",
    });
  return position;
}
