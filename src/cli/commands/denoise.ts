import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import { denoise, type NoiseSource } from "../../denoise/denoise.js";
import { type DenoiseMethod, denoiseMethods } from "../../denoise/options.js";
import { threadCrew } from "../../denoise/threads.node.js";
import { type TypeChoice, typeChoices, writeScanLikeTo } from "../../io/like.js";
import { nodeFiles, readVolume } from "../../io/node.js";
import type { ImageVolume } from "../../volume/volume.js";
import { defineCommand, type Finish, numberWithin, requireOneOf } from "../command.js";
import { denoiseWithNetwork, networkOf } from "../denoise-network.js";
import { readMaskOf, readOnGridOf } from "../on-grid.js";
import { requireWritable } from "../out.js";
import { progressOn, shareProgress } from "../progress.js";
import { requireRoom } from "../room.js";

interface Options {
  readonly method: string;
  readonly out: string;
  readonly sigma?: string;
  readonly sigmaMap?: string;
  readonly uneven?: boolean;
  readonly noise: string;
  readonly mask?: string;
  readonly strength?: number;
  readonly width?: number;
  readonly radius?: number;
  readonly dtype: string;
  readonly threads?: number;
}

export function denoiseCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "denoise <scan>",
      purpose: "Take the noise out of a 3-D scan",
      about:
        "The result lies on the scan's grid and is stored as the scan is. Magnitude MR has Rician noise, which also lifts dark places; every method takes that out. The noise's standard deviation is estimated from the head unless it is given, or from the air around it with --sigma background: fine anatomy in large voxels passes for noise; where it differs over the field, as parallel imaging makes it, say --uneven.",
      examples: [
        {
          line: "gyrus denoise T1w.nii.gz --method bm4d --out T1w_bm4d.nii.gz",
          about: "Block matching: the best of these, a few minutes for a head of 256 x 256 x 256 voxels.",
        },
        {
          line: "gyrus denoise T1w.nii.gz --method nlm --sigma 20 --mask brain.nii.gz --out T1w_nlm.nii.gz",
          about: "Non-local means where the noise is known, within a mask; the rest stays as it is.",
        },
        {
          line: "gyrus denoise T1w.nii.gz --method bm4d --uneven --out T1w_bm4d.nii.gz",
          about: "Noise that is stronger in some places than in others: estimated voxel by voxel.",
        },
        {
          line: "gyrus denoise pet.nii.gz --method gaussian --noise gaussian --width 2.5 --dtype float32 --out blur.nii.gz",
          about: "A Gaussian filter of 2.5 mm standard deviation, with no correction for magnitudes.",
        },
        {
          line: "gyrus denoise T1w.nii.gz --method runs/red-wgan --out T1w_clean.nii.gz",
          about: "By the network of a run that gyrus train red-wgan made, or its .onnx file.",
        },
      ],
    },
    (command) => {
      command
        .requiredOption(
          "--method <name>",
          `${denoiseMethods.join(", ")}, or the folder of a run (or its .onnx file) of a network that denoises`,
        )
        .requiredOption("--out <file>", "the scan to write: .nii.gz, .nii or .hdr")
        .option(
          "--sigma <number>",
          "standard deviation of the noise in the scan's units; estimated: from the head; background: from the air around it (rician), more exact where the scan has kept it",
          "estimated",
        )
        .option(
          "--sigma-map <file>",
          "the same voxel by voxel, on the scan's grid: noise that differs over the field",
        )
        .option("--uneven", "the noise differs over the field: estimate it voxel by voxel")
        .option("--noise <kind>", "rician (magnitude MR) or gaussian (values that may be negative)", "rician")
        .option("--mask <file>", "on the scan's grid: only where it is not 0 is noise taken out")
        .option(
          "--strength <factor>",
          "more than 1 smooths more (tv, nlm)",
          numberWithin("--strength", { low: 0.05, high: 20 }),
        )
        .option(
          "--width <mm>",
          "standard deviation of the filter; default: of least estimated error (gaussian)",
          numberWithin("--width", { low: 0.05, high: 50 }),
        )
        .option(
          "--radius <voxels>",
          "how far around to look for similar places (nlm, bm4d)",
          numberWithin("--radius", { low: 1, high: 10, whole: true }),
        )
        .option("--dtype <type>", `how voxels are stored: ${typeChoices.join(", ")}`, "same")
        .option(
          "--threads <n>",
          "threads; default: all processors. The result is the same",
          numberWithin("--threads", { low: 1, high: 256, whole: true }),
        );
    },
    async (shell, options, [path = ""]) => {
      await requireWritable(options.out, [path, options.mask, options.sigmaMap]);
      const method = await methodOf(options);
      requireOneOf("--noise", options.noise, ["rician", "gaussian"]);
      requireOneOf("--dtype", options.dtype, typeChoices);
      const dtype = options.dtype as TypeChoice;
      const told = sigmaOf(options);
      const { volume: image, header } = await readVolume(path, { as: "float32" });
      requireRoom(image, dtype, path);
      const mask = options.mask === undefined ? undefined : await readMaskOf(image, path, options.mask);
      const sigma = options.sigmaMap === undefined ? told : await sigmaMapFor(image, path, options.sigmaMap);
      const { uneven } = options;
      const progress = progressOn(shell);
      const began = performance.now();
      const onProgress = shareProgress(progress);
      const { threads } = options;
      const found = await (typeof method === "string"
        ? denoise(image, {
            method,
            sigma,
            uneven,
            noise: options.noise as "rician" | "gaussian",
            mask,
            strength: options.strength,
            widthMm: options.width,
            searchRadius: options.radius,
            crew: threadCrew(threads),
            onProgress,
            where: path,
          })
        : denoiseWithNetwork(method.network, image, {
            mask,
            sigma,
            uneven,
            threads,
            onProgress,
            where: path,
          })
      ).finally(progress.stop);
      const seconds = (performance.now() - began) / 1000;
      await writeScanLikeTo(nodeFiles, options.out, found.image, header, {
        dtype,
        description: `Gyrus: denoised by ${options.method}`.slice(0, 79),
      });
      const level =
        found.sigma !== undefined
          ? `noise of ${uneven || options.sigmaMap ? "about " : ""}${Number(found.sigma.toPrecision(4))}${howKnown[found.sigmaFrom ?? "given"]}`
          : "noise";
      const { image: _, ...facts } = found;
      return {
        result: { out: options.out, method: options.method, ...facts, seconds },
        text: `${options.out}: ${level} taken out by ${options.method} in ${seconds.toFixed(1)} s`,
      };
    },
  );
}

const howKnown: Readonly<Record<NoiseSource, string>> = {
  given: "",
  image: " (estimated)",
  background: " (estimated from the air)",
};

/** Options that a method knows, beside those of all. */
const ownOptions: Readonly<Record<DenoiseMethod, readonly (keyof Options)[]>> = {
  gaussian: ["width"],
  median: [],
  tv: ["strength"],
  nlm: ["strength", "radius"],
  bm4d: ["radius"],
};

/** A classic method, or the path of a network. */
type Method = DenoiseMethod | { readonly network: string };

async function methodOf(options: Options): Promise<Method> {
  if (!denoiseMethods.some((name) => name === options.method)) return networkOf(options.method, options);
  const method = options.method as DenoiseMethod;
  for (const option of ["width", "strength", "radius"] as const)
    if (options[option] !== undefined && !ownOptions[method].includes(option))
      fail("bad-argument", {
        what: `--${option} means nothing to ${method}`,
        where: `--${option}`,
        fix: `Leave it out, or choose ${denoiseMethods.filter((name) => ownOptions[name].includes(option)).join(" or ")}`,
      });
  return method;
}

function sigmaOf({ sigma = "estimated", sigmaMap, uneven }: Options): number | "background" | undefined {
  const given = [sigma !== "estimated" && "--sigma", sigmaMap && "--sigma-map", uneven && "--uneven"];
  const [one, other] = given.filter((option) => typeof option === "string");
  if (other !== undefined)
    fail("bad-argument", {
      what: `${one} and ${other} both say how strong the noise is`,
      where: other,
      fix: "Leave one of the two out",
    });
  if (sigma === "background") return sigma;
  if (sigma === "estimated") return undefined;
  const number = Number(sigma);
  if (sigma.trim() !== "" && number > 0 && number < Number.POSITIVE_INFINITY) return number;
  return fail("bad-argument", {
    what: "this is no standard deviation of noise",
    where: "--sigma",
    expected: "a number above 0 in the scan's units, estimated, or background",
    found: `"${sigma}"`,
    fix: "Leave it out to have the noise estimated from the head",
  });
}

/** The noise voxel by voxel. Throws where it is not above 0, outside the scan as well: there it is easily forgotten. */
async function sigmaMapFor(image: ImageVolume, path: string, mapPath: string): Promise<Float32Array> {
  const { data } = await readOnGridOf(image, path, mapPath, "map of the noise");
  const map = Float32Array.from(data);
  const bad = map.find((value) => !(value > 0 && value < Number.POSITIVE_INFINITY));
  if (bad !== undefined)
    fail("bad-data", {
      what: "the map of the noise has voxels without noise",
      where: mapPath,
      expected: "standard deviations above 0, in the scan's units, in every voxel",
      found: `${bad}`,
      fix: "Go on with the values of the surroundings where it was not measured",
    });
  return map;
}
