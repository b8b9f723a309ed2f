import { program } from "../../src/graph/program.js";
import { webFiles } from "../../src/io/web.js";
import { lower } from "../../src/lower/lower.js";
import { wasm } from "../../src/lower/wasm.js";
import { webgpu } from "../../src/lower/webgpu.js";
import { cast } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { webGpu, webWasm } from "../../src/runtime/web.js";
import { openPredictor } from "../../src/tasks/segmentation/nnunet/open.js";
import { predictVolume } from "../../src/tasks/segmentation/nnunet/predict.js";
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

/** An exported nnU-Net on a decoded scan: its files by name, and the label map's values. */
export async function runPredictor(
  place: Place,
  files: Readonly<Record<string, readonly number[]>>,
  scan: {
    readonly data: readonly number[];
    readonly size: readonly [number, number, number];
    readonly affine: readonly number[];
  },
): Promise<number[]> {
  const chosen = Object.entries(files).map(([name, bytes]) => {
    const file = new File([Uint8Array.from(bytes)], name);
    Object.defineProperty(file, "webkitRelativePath", { value: `predictor/${name}` });
    return file;
  });
  const predictor = await openPredictor(webFiles(chosen), "predictor", places[place][0], { threads: 2 });
  const found = await predictVolume(predictor, { ...scan, channels: 1, data: Float32Array.from(scan.data) });
  await predictor.close();
  return [...found.data];
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
