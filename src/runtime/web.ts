import type * as Ort from "onnxruntime-web";
import { fail } from "../core/errors.js";
import type { DType, DTypeArrays, Tensor } from "../core/tensor.js";
import type { TensorType } from "../graph/node.js";
import { encodeModel } from "../graph/onnx/model.js";
import type { Lowered } from "../lower/lower.js";
import { wasm } from "../lower/wasm.js";
import { carried, carriedTypes, uncarried, webgpu } from "../lower/webgpu.js";
import { type CompileOptions, checkFeeds, type Engine, type Executable, explain } from "./engine.js";

/** Where graphs can run in a browser. */
export type WebDevice = "wasm" | "webgpu";

type Loaded = typeof Ort;

/** Each with its own WebAssembly file, fetched when it is first wanted: 14 MB and 27 MB. */
const loaders: Readonly<Record<WebDevice, () => Promise<Loaded>>> = {
  wasm: () => import("onnxruntime-web/wasm"),
  webgpu: () => import("onnxruntime-web/webgpu"),
};

/** The engine takes its number of threads once, when its first session starts. */
const started = new Map<WebDevice, number>();

/**
 * ONNX Runtime on WebAssembly, with SIMD and as many threads as asked for. Threads need a page that is isolated from
 * other origins; more than one without that throws `unsupported` and names the headers. Default: half of the
 * processor's threads, at most four, where the page is isolated, else one.
 */
export const webWasm: Engine = {
  name: "onnxruntime-web wasm",
  target: async () => wasm,
  compile: (lowered, options = {}) => compile("wasm", lowered, options),
};

/**
 * ONNX Runtime on WebGPU. Throws `unsupported` where the browser offers no adapter, and when a node of the graph would
 * run on the processor instead: nothing falls back in silence.
 */
export const webGpu: Engine = {
  name: "onnxruntime-web webgpu",
  target: async () => webgpu,
  compile: async (lowered, options = {}) => {
    await requireAdapter();
    return compile("webgpu", lowered, options);
  },
};

async function compile(
  device: WebDevice,
  lowered: Lowered,
  { threads, profilePrefix }: CompileOptions,
): Promise<Executable> {
  if (profilePrefix !== undefined)
    fail("unsupported", {
      what: "the engine writes no profile in a browser",
      fix: "Profile in Node, or with the browser's own tools",
    });
  const ort = await loaders[device]();
  start(ort, device, threads);
  const { model } = lowered;
  const bytes = encodeModel(
    device === "wasm"
      ? model
      : { ...model, inputs: carriedTypes(model.inputs), outputs: carriedTypes(model.outputs) },
  );
  const session = await ort.InferenceSession.create(bytes, optionsFor(device)).catch((error: unknown) => {
    throw explain(error, lowered);
  });
  return executable(ort, session, lowered, device === "webgpu");
}

function start(ort: Loaded, device: WebDevice, threads: number | undefined): void {
  const isolated = globalThis.crossOriginIsolated === true;
  const known = started.get(device);
  const wanted = threads ?? known ?? (isolated ? defaultThreads() : 1);
  if (wanted > 1 && !isolated)
    fail("unsupported", {
      what: "threads need a page that is isolated from other origins",
      expected: "crossOriginIsolated to be true",
      found: "a page served without the headers for it",
      fix: "Serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or ask for one thread",
    });
  if (known !== undefined && known !== wanted)
    fail("bad-argument", {
      what: "the number of threads is fixed once the engine has started",
      where: "threads",
      expected: `${known}`,
      found: `${wanted}`,
      fix: "Use one number throughout, or another worker",
    });
  started.set(device, wanted);
  ort.env.wasm.numThreads = wanted;
  ort.env.logLevel = "error";
}

/** The engine's own choice, which it would make as well; here so that it is known. */
function defaultThreads(): number {
  return Math.max(1, Math.min(4, Math.ceil((globalThis.navigator?.hardwareConcurrency ?? 1) / 2)));
}

function optionsFor(device: WebDevice): Ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    graphOptimizationLevel: "all",
    logSeverityLevel: 4,
    ...(device === "webgpu" ? { extra: { session: { disable_cpu_ep_fallback: "1" } } } : {}),
  };
}

/** The part of WebGPU's interface that is looked at here; TypeScript's own library does not have it yet. */
interface MaybeGpu {
  readonly gpu?: { requestAdapter(): Promise<object | null> };
}

async function requireAdapter(): Promise<void> {
  const { gpu } = (globalThis.navigator ?? {}) as MaybeGpu;
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (adapter) return;
  fail("unsupported", {
    what: "WebGPU was asked for and is not there",
    expected: "an adapter from navigator.gpu.requestAdapter()",
    found: gpu === undefined ? "a browser without WebGPU, or a page not served over https" : "none",
    fix: "Use a current browser with a graphics driver, or the wasm back end",
  });
}

function executable(
  ort: Loaded,
  session: Ort.InferenceSession,
  lowered: Lowered,
  carries: boolean,
): Executable {
  const { inputs, outputs } = lowered.model;
  const used = new Set(session.inputNames);
  const toOrt = (value: Tensor): Ort.Tensor => {
    const { dtype, shape, data } = carries ? carried(value) : value;
    return new ort.Tensor(dtype, data as Float32Array, shape);
  };
  const fromOrt = (type: TensorType, found: Ort.Tensor): Tensor => {
    const data = found.data as DTypeArrays[DType];
    return carries ? uncarried(type, data) : { ...type, data };
  };
  return {
    inputs,
    run: async (feeds) => {
      checkFeeds(inputs, feeds);
      const fed: Record<string, Ort.Tensor> = {};
      for (const name of used) fed[name] = toOrt(feeds[name]!);
      const results = await session.run(fed).catch((error: unknown) => {
        throw explain(error, lowered);
      });
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { dtype, shape }]) => [
          name,
          fromOrt({ dtype, shape }, results[name]!),
        ]),
      );
    },
    dispose: () => session.release(),
  };
}
