import { rng } from "../../core/rng.js";
import type { CohortOptions, SimulatedSubject } from "../../sim/cohort.js";
import { L } from "../../sim/labels.js";

/** The ten structures to be told apart; each holds the full labels of both sides. */
export const structures: readonly { readonly name: string; readonly labels: readonly number[] }[] = [
  { name: "lateral ventricle", labels: [L.lateralVentricle, L.lateralVentricle + 1] },
  { name: "thalamus", labels: [L.thalamus, L.thalamus + 1] },
  { name: "caudate", labels: [L.caudate, L.caudate + 1] },
  { name: "putamen", labels: [L.putamen, L.putamen + 1] },
  { name: "pallidum", labels: [L.pallidum, L.pallidum + 1] },
  {
    name: "hippocampus",
    labels: [
      L.hippocampusAnterior,
      L.hippocampusAnterior + 1,
      L.hippocampusPosterior,
      L.hippocampusPosterior + 1,
    ],
  },
  { name: "amygdala", labels: [L.amygdala, L.amygdala + 1] },
  { name: "brainstem", labels: [L.brainstem] },
  { name: "cerebellar white matter", labels: [L.cerebellarWhiteMatter, L.cerebellarWhiteMatter + 1] },
  { name: "corpus callosum", labels: [L.callosum] },
];

/** Edge of a patch in pixels: what MNIST's digits have. */
export const patchEdge = 28;

/** Patches `[count, patchEdge, patchEdge]`, white matter about 1, and the index of what each is centred on. */
export interface Patches {
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly count: number;
}

/** Room for so many patches, in memory that threads share. */
export function emptyPatches(count: number): Patches {
  const shared = (length: number): SharedArrayBuffer => new SharedArrayBuffer(4 * length);
  return {
    images: new Float32Array(shared(count * patchEdge ** 2)),
    labels: new Int32Array(shared(count)),
    count,
  };
}

/**
 * Fill patches `at` and following with axial cuts of one head: `perClass` for every structure, each centred on one of
 * its voxels, drawn at random. What lies outside the image is 0.
 */
export function cutPatches(
  { t1, fullLabels }: Pick<SimulatedSubject, "t1" | "fullLabels">,
  perClass: number,
  into: Patches,
  at: number,
  seed: string,
): void {
  const [width, height] = t1.size;
  const half = patchEdge / 2;
  structures.forEach(({ labels }, label) => {
    const voxels = voxelsOf(fullLabels.data, labels);
    const draw = rng(seed).split(label);
    for (let n = 0; n < perClass; n++) {
      const voxel = voxels[draw.integer(voxels.length)]!;
      const row = Math.floor(voxel / width) % height;
      const slice = voxel - (voxel % (width * height));
      const patch = at + label * perClass + n;
      into.labels[patch] = label;
      let out = patch * patchEdge ** 2;
      for (let y = row - half; y < row + half; y++)
        for (let x = (voxel % width) - half, end = x + patchEdge; x < end; x++, out++)
          into.images[out] =
            x < 0 || y < 0 || x >= width || y >= height ? 0 : t1.data[slice + y * width + x]! / 1000;
    }
  });
}

function voxelsOf(data: Uint8Array, labels: readonly number[]): number[] {
  const wanted = new Uint8Array(256);
  for (const label of labels) wanted[label] = 1;
  const found: number[] = [];
  for (let v = 0; v < data.length; v++) if (wanted[data[v]!] === 1) found.push(v);
  return found;
}

/** Heads at 2 mm with the noise of a clinical scan and a bias field as a first correction leaves it. */
export function cohortOf(subjects: number, seed: number): CohortOptions {
  return {
    subjects,
    seed,
    spacingMm: 2,
    size: [84, 108, 84],
    noisePercent: 3,
    biasPercent: 3,
    ageYears: [20, 80],
  };
}
