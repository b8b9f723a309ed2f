import { cpu } from "./cpu.js";
import { portable } from "./portable.js";
import type { Target } from "./target.js";
import { wasm } from "./wasm.js";
import { webgpu } from "./webgpu.js";

/** Every place where graphs run. */
export const targets: readonly Target[] = [portable, cpu, wasm, webgpu];
