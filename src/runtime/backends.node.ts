import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as ort from "onnxruntime-node";
import { floats } from "../core/tensor.js";
import { encodeModel } from "../graph/onnx/model.js";
import { program } from "../graph/program.js";
import { lower } from "../lower/lower.js";
import { portable } from "../lower/portable.js";
import { conv, convGeometry } from "../ops/conv.js";
import { constant, input } from "../ops/leaf.js";

/** A place where this build of ONNX Runtime can run graphs. */
export interface Backend {
  /** ONNX Runtime's name: "cpu", "webgpu", "cuda", … */
  readonly name: string;
  /** Whether its binaries come with the package; the others are installed on request. */
  readonly bundled: boolean;
}

/** What became of a graph that was really run. */
export interface BackendTrial {
  readonly works: boolean;
  readonly seconds: number;
  /** Why it does not work, in the engine's words. */
  readonly reason?: string;
}

/** Every back end that this platform's build knows, whether it works here or not. */
export function listBackends(): readonly Backend[] {
  return ort.listSupportedBackends().map(({ name, bundled }) => ({ name, bundled }));
}

/**
 * Run a small convolution on one back end and compare with the sum worked out by hand: mean of 3x3 neighbours of
 * an image of ones is 1 inside, 6/9 at an edge, 4/9 in a corner. Throws what the engine throws.
 */
export async function proveBackend(name: string): Promise<void> {
  const x = input("x", [1, 1, 4, 4]);
  const w = constant(floats([1, 1, 3, 3], new Float32Array(9).fill(1 / 9)));
  const y = conv(x, w, convGeometry([3, 3], { padding: 1 }));
  const bytes = encodeModel(lower(program({ y }), portable).model);
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: [name],
    logSeverityLevel: 4,
    // Without this a provider that takes no node would be proved right by the processor.
    ...(name === "cpu" ? {} : { extra: { session: { disable_cpu_ep_fallback: "1" } } }),
  });
  const fed = new ort.Tensor("float32", new Float32Array(16).fill(1), [1, 1, 4, 4]);
  const found = (await session.run({ x: fed })).y!.data as Float32Array;
  await session.release();
  const wanted = [4, 6, 6, 4, 6, 9, 9, 6, 6, 9, 9, 6, 4, 6, 6, 4].map((sum) => sum / 9);
  const wrong = wanted.findIndex((value, i) => !(Math.abs(found[i]! - value) < 1e-4));
  if (wrong >= 0)
    throw new Error(`a convolution gave ${found[wrong]} at place ${wrong} instead of ${wanted[wrong]}`);
}

/**
 * `proveBackend` in a process of its own, because a driver that is broken may end the process or never answer.
 * A minute by default: CUDA's libraries are gigabytes, read for the first time. Never throws.
 */
export async function tryBackend(name: string, timeoutMs = 60_000): Promise<BackendTrial> {
  const here = import.meta.url;
  const script = `import(${JSON.stringify(here)}).then((m) => m.proveBackend(${JSON.stringify(name)})).catch((error) => { console.error("reason: " + error.message); process.exit(1); })`;
  const began = performance.now();
  const spent = (): number => (performance.now() - began) / 1000;
  try {
    await promisify(execFile)(process.execPath, ["-e", script], {
      timeout: timeoutMs,
      cwd: fileURLToPath(new URL(".", here)),
    });
    return { works: true, seconds: spent() };
  } catch (cause) {
    const { stderr, signal, killed } = cause as { stderr?: string; signal?: string | null; killed?: boolean };
    const said = /reason: ([\s\S]*)/
      .exec(stderr ?? "")?.[1]
      ?.replace(/\s+/g, " ")
      .trim();
    const reason = killed
      ? `no answer within ${timeoutMs / 1000} s`
      : (said ?? `the process ended${signal ? ` by ${signal}` : ""} without a word`);
    return { works: false, seconds: spent(), reason };
  }
}
