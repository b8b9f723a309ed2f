import { fail } from "../core/errors.js";
import type { Size3, Volume, VoxelArray } from "./volume.js";
import { voxelCount } from "./volume.js";

/** Neighbours that share a face (6), or also an edge (18), or also a corner (26); in a 2-D image 4 or 8. */
export type Connectivity = 4 | 8 | 6 | 18 | 26;

export interface Components {
  /** 0 outside, else 1 to `count`, numbered in the order in which voxels lie in memory. */
  readonly volume: Volume<Int32Array>;
  readonly count: number;
  /** Voxels of each component; `sizes[0]` belongs to component 1. */
  readonly sizes: readonly number[];
}

export interface ComponentOptions {
  /** Join only neighbours of equal value, so that touching labels stay apart; default: all non-zero voxels alike. */
  readonly sameValue?: boolean;
}

/**
 * Connected components of the non-zero voxels, by one raster scan with union-find and one to renumber.
 * One channel. Throws `bad-argument` for a connectivity that the image does not have.
 */
export function connectedComponents(
  { data, size, affine, channels }: Volume,
  connectivity: Connectivity = 26,
  { sameValue = false }: ComponentOptions = {},
): Components {
  if (channels !== 1)
    fail("bad-argument", {
      what: "connected components are of one channel",
      expected: "1 channel",
      found: `${channels}`,
    });
  const labels = new Int32Array(voxelCount(size));
  const parent = scan(data, labels, size, earlierNeighbours(connectivity, size), sameValue);
  const sizes: number[] = [];
  const final = new Int32Array(parent.length);
  for (let at = 0; at < labels.length; at++) {
    const provisional = labels[at]!;
    if (provisional === 0) continue;
    const root = find(parent, provisional);
    if (final[root] === 0) final[root] = sizes.push(0);
    const label = final[root]!;
    labels[at] = label;
    sizes[label - 1]!++;
  }
  return { volume: { data: labels, size, affine, channels: 1 }, count: sizes.length, sizes };
}

/** Provisional labels into `labels`; returns who was found to be joined to whom. */
function scan(
  data: VoxelArray,
  labels: Int32Array,
  [ni, nj, nk]: Size3,
  neighbours: readonly (readonly [number, number, number])[],
  sameValue: boolean,
): Int32Array {
  const count = neighbours.length;
  const di = Int32Array.from(neighbours, (n) => n[0]);
  const dj = Int32Array.from(neighbours, (n) => n[1]);
  const dk = Int32Array.from(neighbours, (n) => n[2]);
  const step = Int32Array.from(neighbours, (n) => (n[2] * nj + n[1]) * ni + n[0]);
  let parent = new Int32Array(1024);
  let next = 1;
  let at = 0;
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++, at++) {
        const value = data[at]!;
        if (value === 0) continue;
        let label = 0;
        for (let n = 0; n < count; n++) {
          const ii = i + di[n]!;
          const jj = j + dj[n]!;
          if (ii < 0 || ii >= ni || jj < 0 || jj >= nj || k + dk[n]! < 0) continue;
          const other = at + step[n]!;
          const neighbour = labels[other]!;
          if (neighbour === 0 || neighbour === label) continue;
          if (sameValue && data[other] !== value) continue;
          label = label === 0 ? neighbour : union(parent, label, neighbour);
        }
        if (label === 0) {
          label = next++;
          if (label >= parent.length) {
            const larger = new Int32Array(parent.length * 2);
            larger.set(parent);
            parent = larger;
          }
          parent[label] = label;
        }
        labels[at] = label;
      }
  return parent;
}

/** The root of a label, halving the path on the way. */
function find(parent: Int32Array, label: number): number {
  let at = label;
  while (parent[at] !== at) {
    parent[at] = parent[parent[at]!]!;
    at = parent[at]!;
  }
  return at;
}

function union(parent: Int32Array, a: number, b: number): number {
  const p = find(parent, a);
  const q = find(parent, b);
  const root = Math.min(p, q);
  parent[p] = root;
  parent[q] = root;
  return root;
}

/** Offsets of the neighbours that come earlier in memory than a voxel itself. */
function earlierNeighbours(connectivity: Connectivity, size: Size3): [number, number, number][] {
  const flat = size[2] === 1;
  if ((connectivity === 4 || connectivity === 8) && !flat)
    fail("bad-argument", {
      what: `connectivity ${connectivity} is of 2-D images`,
      expected: "6, 18 or 26 for a volume",
      found: `size ${size.join("x")}`,
    });
  const reach = { 4: 1, 6: 1, 8: 2, 18: 2, 26: 3 }[connectivity];
  const offsets: [number, number, number][] = [];
  for (let dk = -1; dk <= 0; dk++)
    for (let dj = -1; dj <= 1; dj++)
      for (let di = -1; di <= 1; di++) {
        const earlier = dk < 0 || dj < 0 || (dj === 0 && di < 0);
        if (earlier && dk * dk + dj * dj + di * di <= reach) offsets.push([di, dj, dk]);
      }
  return offsets;
}

/**
 * The mask of the largest component of the non-zero voxels (the first of equals), as 0 and 1.
 * An empty image gives an empty mask.
 */
export function largestComponent(image: Volume, connectivity: Connectivity = 26): Volume<Uint8Array> {
  const { volume, sizes } = connectedComponents(image, connectivity);
  const largest = sizes.length === 0 ? -1 : sizes.indexOf(sizes.reduce((a, b) => Math.max(a, b))) + 1;
  const mask = new Uint8Array(volume.data.length);
  for (let at = 0; at < mask.length; at++) mask[at] = volume.data[at] === largest ? 1 : 0;
  return { ...volume, data: mask };
}

/** A copy without the components of fewer voxels than given; values of the others are kept. */
export function withoutSmallComponents<T extends VoxelArray>(
  image: Volume<T>,
  fewest: number,
  connectivity: Connectivity = 26,
): Volume<T> {
  const { volume, sizes } = connectedComponents(image, connectivity, { sameValue: true });
  const data = image.data.slice() as T;
  for (let at = 0; at < data.length; at++) {
    const label = volume.data[at]!;
    if (label > 0 && sizes[label - 1]! < fewest) data[at] = 0;
  }
  return { ...image, data };
}
