import { program } from "../../src/graph/program.js";
import { lower } from "../../src/lower/lower.js";
import { wasm } from "../../src/lower/wasm.js";
import { webgpu } from "../../src/lower/webgpu.js";
import { cast } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
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

/** What is said about float64 on a GPU. */
export function refuseDouble(): string {
  try {
    lower(program({ y: cast(input("x", [2]), "float64") }), webgpu);
    return "nothing";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
