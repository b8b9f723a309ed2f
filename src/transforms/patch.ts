import { fail } from "../core/errors.js";
import type { Rng } from "../core/rng.js";
import type { LabelVolume, Size3 } from "../volume/volume.js";

/** Where the voxels of each label above 0 are, so that a patch can be placed on one without a search. */
export interface ForegroundIndex {
  readonly values: readonly number[];
  /** Voxel numbers, one array per value. */
  readonly voxels: readonly Uint32Array[];
}

/**
 * Note where each label is, for `drawPatch`. Build it once a case. At most `limit` voxels are kept per label,
 * evenly spread over the label in the order of the voxels.
 */
export function indexForeground(label: LabelVolume, limit = 20_000): ForegroundIndex {
  const counts = new Map<number, number>();
  for (let v = 0; v < label.data.length; v++) {
    const value = label.data[v]!;
    if (value !== 0) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const values = [...counts.keys()].sort((a, b) => a - b);
  const state = new Map(
    values.map((value) => {
      const count = counts.get(value)!;
      return [value, { count, kept: new Uint32Array(Math.min(count, limit)), seen: 0, at: 0 }];
    }),
  );
  for (let v = 0; v < label.data.length; v++) {
    if (label.data[v] === 0) continue;
    const s = state.get(label.data[v]!)!;
    // The n-th kept voxel is the one with rank floor(n * count / kept).
    if (s.at < s.kept.length && s.seen === Math.floor((s.at * s.count) / s.kept.length)) s.kept[s.at++] = v;
    s.seen++;
  }
  return { values, voxels: values.map((value) => state.get(value)!.kept) };
}

export interface PatchOptions {
  readonly foreground?: ForegroundIndex | undefined;
  /** How often the patch is centred on a foreground voxel: of a label drawn evenly among those present. */
  readonly foregroundProbability?: number | undefined;
}

/**
 * Draw where a patch lies: the voxel of its first corner, negative where the patch is larger than the image
 * (it then has the image in its middle). Otherwise the patch lies within the image: anywhere, or, with
 * `foregroundProbability`, around a foreground voxel. Throws `bad-argument` for an impossible patch size.
 */
export function drawPatch(rng: Rng, size: Size3, patch: Size3, options: PatchOptions = {}): Size3 {
  if (patch.some((extent) => !Number.isInteger(extent) || extent < 1))
    fail("bad-argument", {
      what: "the patch size is not three positive whole numbers",
      expected: "voxels along i, j, k, such as 40x56x40, or 256x256x1 in 2-D",
      found: patch.join("x"),
    });
  const room = size.map((extent, axis) => extent - patch[axis]!);
  const { foreground, foregroundProbability = 0 } = options;
  const wanted = rng.split("foreground").chance(foregroundProbability);
  const at = rng.split("place");
  const start = room.map((free) => (free > 0 ? at.integer(free + 1) : -Math.floor(-free / 2)));
  if (wanted && foreground !== undefined && foreground.values.length > 0) {
    const which = rng.split("voxel");
    const voxels = foreground.voxels[which.integer(foreground.values.length)]!;
    const voxel = voxels[which.integer(voxels.length)]!;
    const position = [
      voxel % size[0],
      Math.floor(voxel / size[0]) % size[1],
      Math.floor(voxel / (size[0] * size[1])),
    ];
    for (let axis = 0; axis < 3; axis++)
      if (room[axis]! > 0)
        start[axis] = Math.min(Math.max(position[axis]! - Math.floor(patch[axis]! / 2), 0), room[axis]!);
  }
  return [start[0]!, start[1]!, start[2]!];
}
