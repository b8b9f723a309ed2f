import { rng } from "../../../src/core/rng.js";
import { petGeometries } from "../../../src/sim/pet/geometry.js";
import { slicesOfPhantom } from "../../../src/sim/pet/phantoms.js";
import { buildScanner } from "../../../src/sim/pet/scan.js";
import type { TrainingScan } from "../../../src/tasks/reconstruction/draw.js";

/** Settings that make a run quick: the `tiny` geometry with a narrow network, two slices a step. */
export const quickPet: Readonly<Record<string, string>> = {
  "network.encoder":
    '[{"convs":1,"channels":4,"stride":2},{"convs":1,"channels":8,"stride":2},{"convs":1,"channels":16,"stride":2}]',
  "network.decoder":
    '[{"size":12,"convs":1,"channels":16},{"size":20,"convs":1,"channels":8},{"size":32,"convs":1,"channels":8}]',
  noise: "recorded",
  batch: "2",
  "optimizer.learningRate": "0.02",
  average: "0.9",
  validations: "2",
};

/** Slices of the `tiny` geometry, one a phantom, heads and bodies in turn. */
export function scansOf(count: number): readonly TrainingScan[] {
  while (known.length < count) known.push(scanOf(known.length));
  return known.slice(0, count);
}

const known: TrainingScan[] = [];

function scanOf(n: number): TrainingScan {
  const geometry = petGeometries.tiny;
  const [slice] = slicesOfPhantom({ geometry, phantoms: 1, slicesPerPhantom: 1, seed: 5 }, n);
  const { trues, ...scan } = buildScanner(geometry).simulate(slice!, rng(5).split(n), { counts: 1e6 });
  return { id: slice!.id, phantom: slice!.phantom, scan, trues, truth: slice!.truth };
}
