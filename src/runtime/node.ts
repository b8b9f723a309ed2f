import * as ort from "onnxruntime-node";
import { fail } from "../core/errors.js";
import type { DType, DTypeArrays, Tensor } from "../core/tensor.js";
import type { TensorType } from "../graph/node.js";
import { encodeModel } from "../graph/onnx/model.js";
import { blockedDomain } from "../lower/blocked/channels.js";
import { cpuWith } from "../lower/cpu.js";
import type { Lowered } from "../lower/lower.js";
import { type CompileOptions, checkFeeds, type Engine, type Executable, explain } from "./engine.js";

/** Version of ONNX Runtime. */
export const engineVersion = ort.env.versions.node ?? "unknown";

let block: Promise<number | undefined> | undefined;

/** Channels that the engine's blocked convolutions take at once: what it fills four up to; undefined without them. */
async function blockOf(): Promise<number | undefined> {
  const type = (channels: number): TensorType => ({ dtype: "float32", shape: [1, channels, 1, 1] });
  const bytes = encodeModel({
    nodes: [
      {
        type: "ReorderInput",
        domain: blockedDomain,
        name: "fill",
        inputs: ["x"],
        outputs: ["y"],
        attributes: {},
      },
    ],
    inputs: { x: type(4) },
    outputs: { y: { dtype: "float32", shape: [] } },
    initializers: {},
    opsets: { "": 18, [blockedDomain]: 1 },
  });
  try {
    const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 });
    const { y } = await session.run({ x: new ort.Tensor("float32", new Float32Array(4), [1, 4, 1, 1]) });
    await session.release();
    const filled = y!.dims[1]!;
    return filled >= 8 ? filled : undefined;
  } catch {
    return undefined;
  }
}

/** ONNX Runtime on the CPU, in Node. */
export const nodeCpu: Engine = {
  name: "onnxruntime-node cpu",
  target: async () => {
    block ??= blockOf();
    return cpuWith(await block);
  },
  compile: async (lowered, options = {}) => {
    try {
      const bytes = encodeModel(lowered.model);
      return executable(await ort.InferenceSession.create(bytes, sessionOptions(options, lowered)), lowered);
    } catch (error) {
      throw explain(error, lowered);
    }
  },
};

/** Open the bytes of an `.onnx` file. Throws `bad-file` when the engine cannot read them. */
export async function openModel(bytes: Uint8Array, options: CompileOptions = {}): Promise<Executable> {
  const session = await ort.InferenceSession.create(bytes, sessionOptions(options)).catch((cause: unknown) =>
    fail("bad-file", {
      what: "the engine cannot open the model",
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "Export it again with gyrus export",
      cause,
    }),
  );
  const typesOf = (all: readonly ort.InferenceSession.ValueMetadata[]): Record<string, TensorType> =>
    Object.fromEntries(
      all.flatMap((one) =>
        one.isTensor ? [[one.name, { dtype: one.type as DType, shape: one.shape.map(Number) }]] : [],
      ),
    );
  const model = {
    nodes: [],
    initializers: {},
    opsets: {},
    inputs: typesOf(session.inputMetadata),
    outputs: typesOf(session.outputMetadata),
  };
  return executable(session, { model, origins: new Map(), sizes: new Map(), asListed: false });
}

function sessionOptions(
  { threads, profilePrefix }: CompileOptions,
  { asListed } = { asListed: false },
): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ["cpu"],
    // A training step is as fast without the engine's own rewrites, and they move nodes to the front whose results
    // then wait in memory: 383 MB of live tensors instead of 230 in the 3-D U-Net of 40x56x40, 3 levels.
    graphOptimizationLevel: asListed ? "disabled" : "all",
    // Planned memory is 3 % faster and lies beside what the first run took: 975 MB where 565 MB do
    // (resident memory of the workload of npm run bench).
    enableMemPattern: false,
    // Its own log would say a second time, and less well, what `explain` says.
    logSeverityLevel: 4,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
}

function executable(session: ort.InferenceSession, lowered: Lowered): Executable {
  const { inputs, outputs } = lowered.model;
  const used = new Set(session.inputNames);
  return {
    inputs,
    run: async (feeds, into = {}) => {
      checkFeeds(inputs, feeds);
      const fed: Record<string, ort.Tensor> = {};
      for (const name of used) fed[name] = toOrt(feeds[name]!);
      const wanted: Record<string, ort.Tensor | null> = {};
      for (const [name, type] of Object.entries(outputs)) {
        if (name in into) checkFeeds({ [name]: type }, into);
        wanted[name] = name in into ? toOrt(into[name]!) : null;
      }
      const results = await session.run(fed, wanted).catch((error: unknown) => {
        throw explain(error, lowered);
      });
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { dtype, shape }]) => [
          name,
          into[name] ?? { dtype, shape, data: results[name]!.data as DTypeArrays[DType] },
        ]),
      );
    },
    dispose: () => session.release(),
  };
}

function toOrt({ dtype, shape, data }: Tensor): ort.Tensor {
  return new ort.Tensor(dtype, data as Float32Array, shape);
}
