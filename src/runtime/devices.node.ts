import * as ort from "onnxruntime-node";
import { fail } from "../core/errors.js";
import { rng } from "../core/rng.js";
import { type DType, type DTypeArrays, floats, sizeOf, type Tensor, zerosTensor } from "../core/tensor.js";
import type { TensorType } from "../graph/node.js";
import { encodeModel, type OnnxModel } from "../graph/onnx/model.js";
import { cuda } from "../lower/cuda.js";
import type { Target } from "../lower/target.js";
import { carried, carriedTypes, uncarried, webgpu } from "../lower/webgpu.js";
import { tryBackend } from "./backends.node.js";
import {
  type CompileOptions,
  checkFeeds,
  type Device,
  type Engine,
  type Executable,
  explain,
} from "./engine.js";
import { nodeCpu, openModel } from "./node.js";

/** How to get a back end that does not work, by ONNX Runtime's name. */
export const deviceAdvice: Readonly<Record<string, string>> = {
  webgpu:
    "Needs a graphics driver with Vulkan 1.3 or later (on Linux with its loader, libvulkan1), Metal or Direct3D 12.",
  cuda: "Needs an NVIDIA GPU on Linux x64, CUDA 12 and cuDNN 9, and binaries that npm does not carry: ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.",
  tensorrt: "Needs TensorRT and what cuda needs. Gyrus does not use it yet.",
};

const targets: Readonly<Record<Exclude<Device, "cpu">, Target>> = { webgpu, cuda };

/** How close a device has to come, relative to the largest number: CUDA rounds factors to 11 bits (TF32). */
const agreement: Readonly<Record<Exclude<Device, "cpu">, number>> = { webgpu: 1e-3, cuda: 1e-2 };

/**
 * The engine of a device. It has run a small convolution there, in a process of its own, and its result was right:
 * otherwise this throws `unsupported` with the reason. Nothing else is used instead.
 */
export async function engineOn(device: Device): Promise<Engine> {
  if (device === "cpu") return nodeCpu;
  await requireDevice(device);
  return {
    name: `onnxruntime-node ${device}`,
    target: async () => targets[device],
    compile: async (lowered, options = {}) => {
      const { model } = lowered;
      const session = await open(
        device,
        encodeModel(device === "webgpu" ? carriedModel(model) : model),
        options,
      ).catch((error: unknown) => {
        throw explain(error, lowered);
      });
      const run = runner(session, device, model.outputs);
      return {
        inputs: model.inputs,
        run: async (feeds) => {
          checkFeeds(model.inputs, feeds);
          return run(feeds).catch((error: unknown) => {
            throw explain(error, lowered);
          });
        },
        dispose: () => session.release(),
      };
    },
  };
}

/**
 * `openModel` on a device. A file's graph was not made for it, so both it and the processor compute one random input
 * first; throws `runtime` when they disagree.
 */
export async function openModelOn(
  device: Device,
  bytes: Uint8Array,
  options: CompileOptions = {},
): Promise<Executable> {
  const reference = await openModel(bytes, options);
  if (device === "cpu") return reference;
  await requireDevice(device);
  const session = await open(device, bytes, options).catch((cause: unknown) =>
    fail("unsupported", {
      what: `the model does not run on ${device}`,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "Use --device cpu",
      cause,
    }),
  );
  const feeds = Object.fromEntries(
    Object.entries(reference.inputs).map(([name, type]) => [name, randomTensor(name, type)]),
  );
  const expected = await reference.run(feeds);
  await reference.dispose();
  const run = runner(session, device, expected);
  requireAgreement(device, expected, await run(feeds));
  return {
    inputs: reference.inputs,
    run: async (given) => {
      checkFeeds(reference.inputs, given);
      return run(given);
    },
    dispose: () => session.release(),
  };
}

async function requireDevice(device: Exclude<Device, "cpu">): Promise<void> {
  const { works, reason } = await tryBackend(device);
  if (works) return;
  fail("unsupported", {
    what: `the device "${device}" was asked for and does not work here`,
    where: "--device",
    found: (reason ?? "nothing").slice(0, 300),
    fix: `${deviceAdvice[device]} Or use --device cpu; gyrus doctor shows what there is`,
  });
}

function open(
  device: Exclude<Device, "cpu">,
  bytes: Uint8Array,
  { threads, profilePrefix }: CompileOptions,
): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(bytes, {
    executionProviders: [device],
    graphOptimizationLevel: "all",
    logSeverityLevel: 4,
    // CUDA's provider leaves the arithmetic of shapes to the processor on purpose; WebGPU's leaves whole operators.
    ...(device === "webgpu" ? { extra: { session: { disable_cpu_ep_fallback: "1" } } } : {}),
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  });
}

function carriedModel(model: OnnxModel): OnnxModel {
  return { ...model, inputs: carriedTypes(model.inputs), outputs: carriedTypes(model.outputs) };
}

function runner(
  session: ort.InferenceSession,
  device: Device,
  outputs: Readonly<Record<string, TensorType>>,
): (feeds: Readonly<Record<string, Tensor>>) => Promise<Record<string, Tensor>> {
  const carries = device === "webgpu";
  const used = new Set(session.inputNames);
  return async (feeds) => {
    const fed: Record<string, ort.Tensor> = {};
    for (const name of used) {
      const { dtype, shape, data } = carries ? carried(feeds[name]!) : feeds[name]!;
      fed[name] = new ort.Tensor(dtype, data as Float32Array, shape);
    }
    const results = await session.run(fed);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { dtype, shape }]) => {
        const data = results[name]!.data as DTypeArrays[DType];
        return [name, carries ? uncarried({ dtype, shape }, data) : { dtype, shape, data }];
      }),
    );
  };
}

function randomTensor(name: string, { dtype, shape }: TensorType): Tensor {
  const draw = rng(name);
  if (dtype !== "float32") return zerosTensor(dtype, shape);
  return floats(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => draw.normal()),
  );
}

/** To a small part of the largest number: kernels add in different orders. See `agreement`. */
function requireAgreement(
  device: Exclude<Device, "cpu">,
  expected: Readonly<Record<string, Tensor>>,
  found: Readonly<Record<string, Tensor>>,
): void {
  for (const [name, { data }] of Object.entries(expected)) {
    let [worst, scale] = [0, 1e-6];
    for (let at = 0; at < data.length; at++) {
      const gap = Math.abs(Number(data[at]) - Number(found[name]!.data[at]));
      worst = Math.max(worst, Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap);
      scale = Math.max(scale, Math.abs(Number(data[at])));
    }
    if (worst / scale > agreement[device])
      fail("runtime", {
        what: `${device} computes something else than the processor does`,
        where: `output "${name}"`,
        expected: `a difference of at most ${agreement[device]} of the largest value`,
        found: `a difference of ${(worst / scale).toPrecision(2)} of the largest value`,
        fix: "Use --device cpu, and report this with the model",
      });
  }
}
