import { wasm } from "../../src/lower/wasm.js";
import { webgpu } from "../../src/lower/webgpu.js";
import { webGpu, webWasm } from "../../src/runtime/web.js";
import { type Sweep, sweep } from "./sweep.js";
import { type Extents, type Trace, trainThin } from "./workload.js";

/** What the tests run inside the page. */
const places = {
  wasm: [webWasm, wasm],
  webgpu: [webGpu, webgpu],
} as const;

export type Place = keyof typeof places;

export async function runSweep(place: Place): Promise<Sweep> {
  const [engine, target] = places[place];
  return sweep(engine, target, 2);
}

export async function runTraining(place: Place, extents: Extents): Promise<Trace> {
  const [engine, target] = places[place];
  return trainThin(engine, target, extents, 2);
}
