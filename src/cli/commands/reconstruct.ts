import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import { suggestionFor } from "../../core/suggest.js";
import { nodeFiles, readVolume, writeVolume } from "../../io/node.js";
import { fbpWindows } from "../../reconstruct/ramp.js";
import { attenuationOfMap, methods, type PetStack, type Reconstruction } from "../../reconstruct/stack.js";
import { reconstructStackOnThreads } from "../../reconstruct/stack.node.js";
import type { PetGeometry } from "../../sim/pet/geometry.js";
import { companion, geometryOf, readSinogramsFrom, type SinogramStack } from "../../sim/pet/sinograms.js";
import { systemOf } from "../../systems/node.js";
import type { SliceNetwork } from "../../tasks/reconstruction/apply.js";
import type { ImageVolume } from "../../volume/volume.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { requireWritable } from "../out.js";
import { counted } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";

interface Options {
  readonly method: string;
  readonly out: string;
  readonly attenuation?: string;
  readonly scatter?: string;
  readonly randoms?: string;
  readonly normalisation?: string;
  readonly precorrected: boolean;
  readonly calibration: number;
  readonly psf: number;
  readonly binSize?: number;
  readonly imageSize?: number;
  readonly pixelSize?: number;
  readonly iterations?: number;
  readonly subsets?: number;
  readonly stopBelow?: number;
  readonly window: string;
  readonly cutOff: number;
  readonly filter: number;
}

export function reconstructCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "reconstruct <sinogram>",
      purpose: "Turn PET counts into an image",
      about:
        "Reads Interfile as STIR writes it (.hs with .s or .s.gz; the slices of ring difference 0, times of flight added up, bins of a ring arc-corrected, turned by the patient's position) and NumPy (.npy, .npz). Prompts go in as counted: attenuation, scatter, randoms and normalisation become part of the model, or correct the data before filtered backprojection.",
      examples: [
        {
          line: "gyrus reconstruct prompts.hs --method osem --scatter scatter.hs --randoms randoms.hs --out image.nii.gz",
          about: "OSEM with corrections that `gyrus simulate pet` writes beside the prompts; there are more.",
        },
        {
          line: "gyrus reconstruct prompts.hs --method fbp --window hann --attenuation mumap.nii.gz --out image.nii.gz",
          about: "Filtered backprojection, attenuation from a map in 1/cm on the image's own grid.",
        },
        {
          line: "gyrus reconstruct prompts.hs --method runs/deeppet --attenuation factors.hs --out image.nii.gz",
          about:
            "By the network of a run that gyrus train deeppet made for this scanner; corrections as above.",
        },
      ],
    },
    (command) => {
      command
        .requiredOption(
          "--method <name>",
          `${methods.join(", ")}, or the folder of a run (or its .onnx file) of a network that reconstructs`,
        )
        .requiredOption("--out <image>", "the image to write: .nii.gz, .nii or .hdr")
        .option("--attenuation <file>", "attenuation factors (sinograms, 0 to 1) or a map in 1/cm (.nii.gz)")
        .option("--scatter <file>", "expected scattered counts")
        .option("--randoms <file>", "expected random counts")
        .option("--normalisation <file>", "efficiency of every bin relative to the mean")
        .option(
          "--precorrected",
          "the sinogram holds no counts but numbers corrected or averaged before; negative ones become 0 (mlem, osem)",
          false,
        )
        .option(
          "--calibration <number>",
          "counts for every kBq/ml and mm; with 1 the image is in counts per mm",
          numberWithin("--calibration", { low: 1e-12 }),
          1,
        )
        .option(
          "--psf <mm>",
          "blur of the scanner to undo, full width at half maximum (mlem, osem)",
          numberWithin("--psf", { low: 0, high: 50 }),
          0,
        )
        .option(
          "--bin-size <mm>",
          "distance of neighbouring bins; default: the file's",
          numberWithin("--bin-size", { low: 0.01, high: 100 }),
        )
        .option(
          "--image-size <n>",
          "pixels along each side; default: 128, or the network's",
          numberWithin("--image-size", { low: 8, high: 1024, whole: true }),
        )
        .option(
          "--pixel-size <mm>",
          "default: what makes the image as wide as the bins",
          numberWithin("--pixel-size", { low: 0.05, high: 100 }),
        )
        .option(
          "--iterations <n>",
          "passes over the data; default: 30 (mlem), 4 (osem)",
          numberWithin("--iterations", { low: 1, high: 10_000, whole: true }),
        )
        .option(
          "--subsets <n>",
          "parts of the views for each update of osem; default: 16",
          numberWithin("--subsets", { low: 1, high: 4096, whole: true }),
        )
        .option(
          "--stop-below <fraction>",
          "stop when an iteration gains less than this fraction of the log-likelihood gained (mlem, osem)",
          numberWithin("--stop-below", { low: 0, high: 1 }),
        )
        .option("--window <name>", `${fbpWindows.join(", ")} (fbp)`, "hann")
        .option(
          "--cut-off <fraction>",
          "where the window ends, of the Nyquist frequency (fbp)",
          numberWithin("--cut-off", { low: 0.01, high: 1 }),
          1,
        )
        .option(
          "--filter <mm>",
          "Gaussian filter of the image, full width at half maximum",
          numberWithin("--filter", { low: 0, high: 100 }),
          0,
        );
    },
    async (shell, options, [path = ""]) => {
      await requireWritable(options.out);
      const how = await methodOf(options);
      // Filtered backprojection is linear: it needs no counts. A network's input is made by subtracting and dividing.
      const whole = "method" in how && how.method !== "fbp" && !options.precorrected;
      const prompts = await readSinogramsFrom(nodeFiles, path, { whole });
      const own = "network" in how ? how.network.model.geometry : undefined;
      const pixelSizeMm = options.pixelSize ?? own?.pixelSizeMm;
      const geometry = geometryOf(prompts, path, {
        imageSize: options.imageSize ?? own?.imageSize ?? 128,
        ...(options.binSize === undefined ? {} : { binSizeMm: options.binSize }),
        ...(pixelSizeMm === undefined ? {} : { pixelSizeMm }),
      });
      const sliceSpacingMm = prompts.sliceSpacingMm ?? geometry.pixelSizeMm;
      const beside = async (
        file: string | undefined,
        kind: "counts" | "factors",
      ): Promise<Float32Array | undefined> =>
        file === undefined
          ? undefined
          : companion(prompts, await readSinogramsFrom(nodeFiles, file, { kind }), file);
      const progress = progressOn(shell);
      const began = performance.now();
      const stack = {
        geometry,
        slices: prompts.slices,
        sliceSpacingMm,
        psfFwhmMm: options.psf,
        calibration: options.calibration,
        prompts: prompts.data,
        scatter: await beside(options.scatter, "counts"),
        randoms: await beside(options.randoms, "counts"),
        efficiency: await beside(options.normalisation, "factors"),
        attenuation: await attenuationFrom(options.attenuation, prompts, geometry, sliceSpacingMm),
      };
      const onSlice = countingProgress(progress, "slice");
      const { image, fits } =
        "network" in how
          ? { image: await how.reconstruct(stack, onSlice), fits: [] }
          : await reconstructStackOnThreads(stack, how, onSlice);
      progress.stop();
      const seconds = (performance.now() - began) / 1000;
      const unit = options.calibration === 1 ? "counts per mm" : "kBq/ml";
      await writeVolume(options.out, image, { description: `Gyrus: ${options.method}, ${unit}` });
      return {
        result: {
          image: options.out,
          method: options.method,
          slices: prompts.slices,
          geometry,
          fits,
          seconds,
        },
        text: `${counted(prompts.slices, "slice")} by ${options.method} in ${seconds.toFixed(2)} s: ${options.out}, ${unit}`,
      };
    },
  );
}

/** A classic method with its settings, or a network ready to run. */
type Method =
  | Reconstruction
  | {
      readonly network: SliceNetwork;
      reconstruct(stack: PetStack, onSlice: (done: number, total: number) => void): Promise<ImageVolume>;
    };

async function methodOf(options: Options): Promise<Method> {
  const { method } = options;
  if (methods.some((name) => name === method)) return reconstructionOf(options);
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
  const { iterations, subsets, stopBelow, psf, filter, precorrected } = options;
  const stray = {
    "--iterations": iterations,
    "--subsets": subsets,
    "--stop-below": stopBelow,
    "--psf": psf || undefined,
    "--filter": filter || undefined,
    "--precorrected": precorrected || undefined,
  };
  const meaningless = Object.entries(stray).find(([, value]) => value !== undefined)?.[0];
  if (meaningless !== undefined) notOf(meaningless, "a network");
  const { openModelAt } = await import("../../tasks/reconstruction/open.node.js");
  const { reconstructStackByNetwork } = await import("../../tasks/reconstruction/stack.node.js");
  const network = await openModelAt(method);
  return {
    network,
    reconstruct: (stack, onSlice) => reconstructStackByNetwork(network, stack, onSlice),
  };
}

function reconstructionOf(options: Options): Reconstruction {
  const { method, window, cutOff, filter, iterations, subsets, stopBelow } = options;
  oneOf("--method", method, methods);
  oneOf("--window", window, fbpWindows);
  if (method === "fbp") {
    const stray = { "--iterations": iterations, "--subsets": subsets, "--stop-below": stopBelow };
    const name = Object.entries(stray).find(([, value]) => value !== undefined)?.[0];
    if (name !== undefined || options.psf > 0) notOf(name ?? "--psf", method);
    if (options.precorrected) notOf("--precorrected", method);
    return { method, window: window as (typeof fbpWindows)[number], cutOff, filterFwhmMm: filter };
  }
  if (method === "mlem" && subsets !== undefined && subsets > 1) notOf("--subsets", method);
  return {
    method: method as "mlem" | "osem",
    subsets: method === "mlem" ? 1 : (subsets ?? 16),
    iterations: iterations ?? (method === "mlem" ? 30 : 4),
    filterFwhmMm: filter,
    counts: options.precorrected ? "signed" : "any",
    likelihood: true,
    ...(stopBelow === undefined ? {} : { stopBelow }),
  };
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

/** Factors from a file of sinograms, or from a map on the image's grid. */
async function attenuationFrom(
  path: string | undefined,
  prompts: SinogramStack,
  geometry: PetGeometry,
  sliceSpacingMm: number,
): Promise<Float32Array | undefined> {
  if (path === undefined) return undefined;
  if (!/\.nii(\.gz)?$/i.test(path))
    return companion(prompts, await readSinogramsFrom(nodeFiles, path, { kind: "factors" }), path);
  const { volume } = await readVolume(path, { as: "float32" });
  return attenuationOfMap(volume, geometry, prompts.slices, sliceSpacingMm, path);
}
