import { type Rng, rng } from "../../../core/rng.js";
import type { LabelVolume } from "../../../volume/volume.js";

/** Most voxels remembered of a class, unless that is less than this share of it. */
const most = 10_000;
const leastShare = 0.01;

/** The seed of the reference; which voxels are drawn depends on it, the case and the class alone. */
const seed = 1234;

/**
 * For every target, a set of classes, up to 10,000 of its voxels (or 1 %, if that is more), drawn without replacement:
 * where training patches are placed. Flat indices, ascending (v2, `_sample_foreground_locations`).
 */
export function drawLocations(
  { data }: Pick<LabelVolume, "data">,
  targets: readonly (readonly number[])[],
  caseId: string,
): Int32Array[] {
  const counts = new Float64Array(65536);
  for (let at = 0; at < data.length; at++) counts[data[at]!]!++;
  return targets.map((classes, target) => {
    const wanted = new Uint8Array(65536);
    for (const one of classes) wanted[one] = 1;
    const total = classes.reduce((sum, one) => sum + counts[one]!, 0);
    const chosen = Math.min(total, Math.max(most, Math.ceil(total * leastShare)));
    return select(data, wanted, total, chosen, rng(seed).split(caseId, target));
  });
}

/** Selection sampling (Knuth, TAOCP 2, algorithm S): each next one with probability still wanted / still to come. */
function select(
  data: Uint8Array | Uint16Array,
  wanted: Uint8Array,
  total: number,
  chosen: number,
  random: Rng,
): Int32Array {
  const found = new Int32Array(chosen);
  let [left, to] = [total, 0];
  for (let at = 0; at < data.length && to < chosen; at++) {
    if (wanted[data[at]!] === 0) continue;
    if (left === chosen - to || random.uniform() * left < chosen - to) found[to++] = at;
    left--;
  }
  return found;
}

/** What patches are aimed at: every label or region, and all annotated voxels where some are ignored. */
export function locationTargets(dataset: {
  readonly classes: readonly string[];
  readonly regions: readonly { readonly classes: readonly number[] }[] | null;
  readonly ignoredClass: number | null;
}): number[][] {
  const labels = dataset.classes.slice(1).map((_, at) => [at + 1]);
  const targets = dataset.regions?.map(({ classes }) => [...classes]) ?? labels;
  return dataset.ignoredClass === null ? targets : [...targets, [0, ...labels.flat()]];
}
