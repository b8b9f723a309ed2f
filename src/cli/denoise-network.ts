import { fail } from "../core/errors.js";
import { suggestionFor } from "../core/suggest.js";
import { type Denoised, type GivenNoise, noiseOf, sourceOf } from "../denoise/denoise.js";
import { denoiseMethods } from "../denoise/options.js";
import { requireImage } from "../io/case.js";
import { nodeFiles } from "../io/node.js";
import { systemOf } from "../systems/node.js";
import { refuseSealedScans } from "../tasks/looks.node.js";
import { percentiles } from "../volume/intensity.js";
import { fromCanonical, toCanonical } from "../volume/orient.js";
import type { ImageVolume, Volume } from "../volume/volume.js";

/** Options of `gyrus denoise` that belong to the classic methods. */
interface ClassicOptions {
  readonly noise: string;
  readonly strength?: number;
  readonly width?: number;
  readonly radius?: number;
}

/** The run or `.onnx` file that `--method` names. Throws `not-found`, and `bad-argument` for one that does not denoise. */
export async function networkOf(
  method: string,
  options: ClassicOptions,
): Promise<{ readonly network: string }> {
  const isModel = (await nodeFiles.list(method)) !== undefined || method.endsWith(".onnx");
  if (!isModel)
    fail("not-found", {
      what: `there is no method "${method}"`,
      where: "--method",
      expected: `${denoiseMethods.join(", ")}, or the folder of a run`,
      fix: suggestionFor(method, denoiseMethods),
    });
  const { task, name } = await systemOf(method);
  if (task !== "denoising")
    fail("bad-argument", {
      what: `the model is of ${name}, which does not denoise`,
      where: method,
      expected: "a run of gyrus train red-wgan",
      found: `task ${task}`,
    });
  const { noise, strength, width, radius } = options;
  const given = {
    "--noise": noise === "rician" ? undefined : noise,
    "--strength": strength,
    "--width": width,
    "--radius": radius,
  };
  const stray = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
  if (stray !== undefined)
    fail("bad-argument", {
      what: `${stray} means nothing to a network, which has learnt what to do`,
      where: stray,
      fix: `Leave it out, or choose one of ${denoiseMethods.join(", ")}`,
    });
  return { network: method };
}

/**
 * By a network, which has learnt scans in the canonical frame; outside the mask the scan stays as it is. Throws
 * `bad-argument` where noise is told to a network that does not ask for it.
 */
export async function denoiseWithNetwork(
  network: string,
  image: ImageVolume,
  {
    mask,
    sigma: given,
    uneven,
    threads,
    onProgress,
    where,
  }: {
    readonly mask: Volume | undefined;
    readonly sigma: GivenNoise | undefined;
    readonly uneven: boolean | undefined;
    readonly threads: number | undefined;
    readonly onProgress: (standing: { readonly fraction: number; readonly what: string }) => void;
    readonly where: string;
  },
): Promise<Pick<Denoised, "image"> & Partial<Denoised>> {
  const { openModelAt } = await import("../tasks/denoising/network.node.js");
  const { denoiseByNetwork } = await import("../tasks/denoising/apply.js");
  requireImage(image, where);
  await refuseSealedScans(network, [where]);
  const open = await openModelAt(network, { threads });
  const told = given !== undefined || uneven === true;
  if (told && open.model.units === "reference")
    fail("bad-argument", {
      what: "how strong the noise is means nothing to this network, which has learnt its noise",
      where: network,
      expected: "a network in units of the noise, as gyrus train red-wgan makes them by default",
      fix: `Leave it out, or choose one of ${denoiseMethods.join(", ")}`,
    });
  const noise = { noise: "rician", mask, where } as const;
  const sigma = open.model.units === "noise" ? noiseOf(image, given, noise, uneven) : undefined;
  const canonical = toCanonical(image).volume;
  const progress = (fraction: number): void => onProgress({ fraction, what: open.model.system });
  const found = await denoiseByNetwork(open, canonical, {
    sigma: typeof sigma === "object" ? toCanonical({ ...image, data: sigma }).volume.data : sigma,
    where,
    onProgress: progress,
  });
  await open.executable.dispose();
  const back = fromCanonical(found, image);
  if (mask !== undefined)
    back.data.forEach((_, v) => {
      if (mask.data[v] === 0) back.data[v] = image.data[v]!;
    });
  if (sigma === undefined) return { image: back };
  const typical = typeof sigma === "number" ? sigma : percentiles(sigma, [50])[0]!;
  return { image: back, sigma: typical, sigmaFrom: sourceOf(given) };
}
