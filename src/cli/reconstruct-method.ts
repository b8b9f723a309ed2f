import { fail } from "../core/errors.js";
import { suggestionFor } from "../core/suggest.js";
import { nodeFiles } from "../io/node.js";
import { fbpWindows } from "../reconstruct/ramp.js";
import { methods, type PetStack, type Reconstruction } from "../reconstruct/stack.js";
import { systemOf } from "../systems/node.js";
import type { SliceNetwork } from "../tasks/reconstruction/apply.js";
import type { ImageVolume } from "../volume/volume.js";
import { optionName } from "./command.js";

/** Options of `gyrus reconstruct` that say how. */
export interface MethodOptions {
  readonly method: string;
  readonly precorrected: boolean;
  readonly psf: number;
  readonly iterations?: number;
  readonly subsets?: number;
  readonly stopBelow?: number;
  readonly window?: string;
  readonly cutOff?: number;
  readonly filter: number;
}

/** What only ML-EM and OSEM want to know, and what only filtered backprojection does. */
const ofIterations = ["iterations", "subsets", "stopBelow", "psf", "precorrected"] as const;
const ofBackprojection = ["window", "cutOff"] as const;

/** A classic method with its settings, or a network ready to run. */
export type Method =
  | Reconstruction
  | {
      readonly network: SliceNetwork;
      reconstruct(stack: PetStack, onSlice: (done: number, total: number) => void): Promise<ImageVolume>;
    };

/**
 * The method that the options ask for; of a classic one perhaps with its log-likelihood curve. Throws `not-found` for one
 * that there is not, `bad-argument` for an option that means nothing to it.
 */
export async function methodOf(options: MethodOptions, likelihood: boolean): Promise<Method> {
  const { method } = options;
  if (methods.some((name) => name === method)) return reconstructionOf(options, likelihood);
  if (method === "deeppet")
    fail("bad-argument", {
      what: "DeepPET reconstructs with what it has learnt of a scanner, so a trained run is needed",
      where: "--method",
      expected: "the folder of a run, or its .onnx file",
      fix: "Train one with gyrus simulate pet and gyrus train deeppet, and give its folder: --method runs/deeppet",
    });
  const isModel = (await nodeFiles.list(method)) !== undefined || method.endsWith(".onnx");
  if (!isModel) oneOf("--method", method, methods);
  const { task, name } = await systemOf(method);
  if (task !== "reconstruction")
    fail("bad-argument", {
      what: `the model is of ${name}, which does not reconstruct`,
      where: method,
      expected: "a run of gyrus train deeppet",
      found: `task ${task}`,
    });
  refuseStrays(options, "a network", [...ofIterations, ...ofBackprojection, "filter"]);
  const { openModelAt } = await import("../tasks/reconstruction/open.node.js");
  const { reconstructStackByNetwork } = await import("../tasks/reconstruction/stack.node.js");
  const network = await openModelAt(method);
  return {
    network,
    reconstruct: (stack, onSlice) => reconstructStackByNetwork(network, stack, onSlice),
  };
}

function reconstructionOf(options: MethodOptions, likelihood: boolean): Reconstruction {
  const { method, window = "hann", cutOff = 1, filter, iterations, subsets, stopBelow } = options;
  if (method === "fbp") {
    oneOf("--window", window, fbpWindows);
    refuseStrays(options, method, ofIterations);
    return { method, window: window as (typeof fbpWindows)[number], cutOff, filterFwhmMm: filter };
  }
  refuseStrays(options, method, ofBackprojection);
  if (method === "mlem" && subsets !== undefined && subsets > 1) notOf("--subsets", method);
  return {
    method: method as "mlem" | "osem",
    subsets: method === "mlem" ? 1 : (subsets ?? 16),
    iterations: iterations ?? (method === "mlem" ? 30 : 4),
    filterFwhmMm: filter,
    counts: options.precorrected ? "signed" : "any",
    likelihood,
    ...(stopBelow === undefined ? {} : { stopBelow }),
  };
}

/** Throws `bad-argument` for an option that was given and means nothing to the method; no blur and no filter are as good as none. */
function refuseStrays(options: MethodOptions, method: string, names: readonly (keyof MethodOptions)[]): void {
  const { psf, filter, precorrected } = options;
  const given = {
    ...options,
    psf: psf || undefined,
    filter: filter || undefined,
    precorrected: precorrected || undefined,
  };
  const stray = names.find((name) => given[name] !== undefined);
  if (stray !== undefined) notOf(optionName(stray), method);
}

function oneOf(option: string, given: string, known: readonly string[]): void {
  if (!known.includes(given))
    fail("not-found", {
      what: `there is no ${option.slice(2)} "${given}"`,
      where: option,
      expected: `${known.join(", ")}${option === "--method" ? ", or the folder of a run" : ""}`,
      fix: suggestionFor(given, known),
    });
}

function notOf(option: string, method: string): never {
  fail("bad-argument", {
    what: `${option} means nothing to ${method}`,
    where: option,
    fix: `Leave it out, or choose another method of ${methods.join(", ")}`,
  });
}
