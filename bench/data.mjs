// The weights and the batch that every engine starts from, as one safetensors file per workload.
import { readFileSync, writeFileSync } from "node:fs";
import { rng } from "../dist/core/rng.js";
import { tensor } from "../dist/core/tensor.js";
import { decodeSafetensors, encodeSafetensors } from "../dist/io/safetensors.js";
import { batchOf, buildTraining, unevenState } from "./networks.mjs";

/** Write state (`parameter/…`, `statistic/…`) and batch (`batch/…`) of a workload; optimiser slots start at zero. */
export function writeData(workload, path) {
  const random = rng("bench");
  const state = Object.entries(unevenState(buildTraining(workload), random.split("state")));
  const kept = state.filter(([name]) => !name.startsWith("slot/"));
  writeFileSync(path, encodeSafetensors({ ...Object.fromEntries(kept), ...drawBatch(workload, random) }));
}

export const readData = (path) => decodeSafetensors(readFileSync(path), path).tensors;

/** What a workload is fed, drawn anew for the seed: `batch/…`. */
export function drawBatch(workload, random) {
  const draws = { label: (r) => r.integer(workload.network.classes), share: (r) => r.uniform() };
  return Object.fromEntries(
    Object.entries(batchOf(workload)).map(([name, { dtype, shape }]) => {
      const own = random.split("batch", name);
      const draw = draws[name] ?? ((r) => r.normal());
      const length = shape.reduce((a, b) => a * b, 1);
      const Data = dtype === "uint8" ? Uint8Array : Float32Array;
      return [
        `batch/${name}`,
        tensor(
          dtype,
          shape,
          Data.from({ length }, () => draw(own)),
        ),
      ];
    }),
  );
}
