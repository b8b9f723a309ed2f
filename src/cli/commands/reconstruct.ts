import type { Command } from "commander";
import { nodeFiles, readVolume, writeVolume } from "../../io/node.js";
import { fbpWindows } from "../../reconstruct/ramp.js";
import { attenuationOfMap, methods, type SliceFit } from "../../reconstruct/stack.js";
import { reconstructStackOnThreads } from "../../reconstruct/stack.node.js";
import type { SinogramContents } from "../../sim/pet/contents.js";
import { companion, geometryOf, readSinogramsFrom } from "../../sim/pet/sinograms.js";
import { showMm, spacingMm } from "../../volume/affine.js";
import type { ImageVolume } from "../../volume/volume.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { requireWritable } from "../out.js";
import { counted } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";
import { type MethodOptions, methodOf } from "../reconstruct-method.js";

interface Options extends MethodOptions {
  readonly out: string;
  readonly attenuation?: string;
  readonly scatter?: string;
  readonly randoms?: string;
  readonly normalisation?: string;
  readonly calibration: number;
  readonly binSize?: number;
  readonly sliceSpacing?: number;
  readonly imageSize?: number;
  readonly pixelSize?: number;
}

export function reconstructCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "reconstruct <sinogram>",
      purpose: "Turn PET counts into an image",
      about:
        "Reads Interfile as STIR writes it (.hs with .s or .s.gz; the slices of ring difference 0, times of flight added up, bins of a ring arc-corrected, turned by the patient's position) and NumPy (.npy, .npz). Prompts go in as counted: attenuation, scatter, randoms and normalisation become part of the model, or correct the data before filtered backprojection. With --json the result has the log-likelihood of every slice after every iteration.",
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
          "--slice-spacing <mm>",
          "distance of neighbouring slices; default: the file's, or that of a map",
          numberWithin("--slice-spacing", { low: 0.01, high: 100 }),
        )
        .option(
          "--image-size <n>",
          "pixels along each side; default: the network's, those of a map, or 128",
          numberWithin("--image-size", { low: 8, high: 1024, whole: true }),
        )
        .option(
          "--pixel-size <mm>",
          "default: the network's, that of a map, or what makes the image as wide as the bins",
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
        .option("--window <name>", `${fbpWindows.join(", ")}; default: hann (fbp)`)
        .option(
          "--cut-off <fraction>",
          "where the window ends, of the Nyquist frequency; default: 1 (fbp)",
          numberWithin("--cut-off", { low: 0.01, high: 1 }),
        )
        .option(
          "--filter <mm>",
          "Gaussian filter of the image, full width at half maximum",
          numberWithin("--filter", { low: 0, high: 100 }),
          0,
        );
    },
    async (shell, options, [path = ""]) => {
      await requireWritable(options.out, [path, options.attenuation]);
      const how = await methodOf(options, shell.json);
      // Filtered backprojection is linear: it needs no counts. A network's input is made by subtracting and dividing.
      const asCounted = "method" in how && how.method !== "fbp" && !options.precorrected;
      const prompts = await readSinogramsFrom(nodeFiles, path, asCounted ? "counts" : "corrected");
      const own = "network" in how ? how.network.model.geometry : undefined;
      const map = await mapFrom(options.attenuation);
      const pixelSizeMm = options.pixelSize ?? own?.pixelSizeMm ?? map?.pixelSizeMm;
      const geometry = geometryOf(prompts, path, {
        imageSize: options.imageSize ?? own?.imageSize ?? map?.imageSize ?? 128,
        ...(options.binSize === undefined ? {} : { binSizeMm: options.binSize }),
        ...(pixelSizeMm === undefined ? {} : { pixelSizeMm }),
      });
      const knownSpacingMm = options.sliceSpacing ?? prompts.sliceSpacingMm ?? map?.sliceSpacingMm;
      const sliceSpacingMm = knownSpacingMm ?? geometry.pixelSizeMm;
      const beside = async (
        file: string | undefined,
        contents: SinogramContents,
      ): Promise<Float32Array | undefined> =>
        file === undefined
          ? undefined
          : companion(prompts, await readSinogramsFrom(nodeFiles, file, contents), file);
      const progress = progressOn(shell);
      const began = performance.now();
      const stack = {
        geometry,
        slices: prompts.slices,
        sliceSpacingMm,
        psfFwhmMm: options.psf,
        calibration: options.calibration,
        prompts: prompts.data,
        scatter: await beside(options.scatter, "expected"),
        randoms: await beside(options.randoms, "expected"),
        efficiency: await beside(options.normalisation, "efficiencies"),
        attenuation:
          map === undefined
            ? await beside(options.attenuation, "fractions")
            : attenuationOfMap(map.volume, geometry, prompts.slices, sliceSpacingMm, options.attenuation),
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
          sliceSpacingMm,
          geometry,
          fits,
          seconds,
        },
        text: [
          `${counted(prompts.slices, "slice")} by ${options.method} in ${seconds.toFixed(2)} s: ${options.out}, ${unit}`,
          ...fitWords(fits),
          ...(knownSpacingMm === undefined
            ? [
                `Slices are taken to be ${showMm([sliceSpacingMm])} mm apart, as wide as pixels: the file does not say (--slice-spacing).`,
              ]
            : []),
        ].join("\n"),
      };
    },
  );
}

/** How far slices went, where that was for their likelihood to decide. */
function fitWords(fits: readonly SliceFit[]): string[] {
  const last = fits.flatMap(({ logLikelihood }) => logLikelihood.slice(-1));
  if (last.length === 0) return [];
  const passes = fits.map(({ iterations }) => iterations);
  const [least, most] = [Math.min(...passes), Math.max(...passes)];
  const sum = last.reduce((a, b) => a + b, 0);
  return [
    `${least === most ? "" : `${least} to `}${counted(most, "iteration")}, log-likelihood ${Number(sum.toPrecision(9))}`,
  ];
}

/** An attenuation map, and the image that it wants: square pixels, slices as far apart. Undefined for factors. */
async function mapFrom(path: string | undefined): Promise<
  | {
      readonly volume: ImageVolume;
      readonly imageSize?: number;
      readonly pixelSizeMm?: number;
      readonly sliceSpacingMm?: number;
    }
  | undefined
> {
  if (path === undefined || !/\.nii(\.gz)?$/i.test(path)) return undefined;
  const { volume } = await readVolume(path, { as: "float32" });
  const [pixelSizeMm, height, sliceSpacingMm] = spacingMm(volume.affine);
  const [imageSize, rows] = volume.size;
  const square = imageSize === rows && Math.abs(height / pixelSizeMm - 1) < 1e-4;
  return square ? { volume, imageSize, pixelSizeMm, sliceSpacingMm } : { volume };
}
