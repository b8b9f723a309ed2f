import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import { type TypeChoice, typeChoices, writeScanLikeTo } from "../../io/like.js";
import { nodeFiles, readVolume } from "../../io/node.js";
import { showMm, spacingMm } from "../../volume/affine.js";
import { rangeOf, requireFinite } from "../../volume/intensity.js";
import { type Interpolation, interpolations, toIsotropic } from "../../volume/isotropic.js";
import type { ImageVolume } from "../../volume/volume.js";
import { defineCommand, type Finish, numberWithin, requireOneOf } from "../command.js";

interface Options {
  readonly method: string;
  readonly out: string;
  readonly targetMm?: number;
  readonly force?: boolean;
  readonly dtype: string;
}

export function superresCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "superres <scan>",
      purpose: "Bring a scan with thick slices to cubes for voxels",
      about:
        "The result has the scan's axes and covers the same field; its affine says where its voxels are. Interpolation adds no detail: cubic and fourier keep the most of what is there.",
      examples: [
        {
          line: "gyrus superres T2w.nii.gz --method cubic --out T2w_iso.nii.gz",
          about: "Voxels as fine as the finest of the scan, by cubic B-splines.",
        },
        {
          line: "gyrus superres T2w.nii.gz --method fourier --target-mm 1 --dtype float32 --out T2w_1mm.nii.gz",
          about: "Voxels of 1 mm by zero padding in k-space, stored as float32.",
        },
      ],
    },
    (command) => {
      command
        .requiredOption("--method <name>", interpolations.join(", "))
        .requiredOption("--out <file>", "the scan to write: .nii.gz, .nii or .hdr")
        .option(
          "--target-mm <mm>",
          "edge of the voxels; default: the scan's smallest spacing",
          numberWithin("--target-mm", { low: 0.05, high: 50 }),
        )
        .option("--force", "go on where the scan has such voxels already")
        .option("--dtype <type>", `how voxels are stored: ${typeChoices.join(", ")}`, "same");
    },
    async (_shell, options, [path = ""]) => {
      requireOneOf("--method", options.method, interpolations);
      requireOneOf("--dtype", options.dtype, typeChoices);
      const method = options.method as Interpolation;
      const { volume: scan, header } = await readVolume(path, { as: "float32" });
      if (scan.channels !== 1)
        fail("bad-data", {
          what: `there are ${scan.channels} volumes`,
          where: path,
          expected: "a 3-D scan",
          found: `${scan.size.join("x")}x${scan.channels}`,
          fix: "Extract the volume that is wanted",
        });
      requireFinite(scan, path);
      const { targetMm, force = false } = options;
      const image = within(rangeOf(scan.data), toIsotropic(scan, { method, targetMm, force, where: path }));
      await writeScanLikeTo(nodeFiles, options.out, image, header, {
        dtype: options.dtype as TypeChoice,
        description: `Gyrus: ${method} interpolation`,
      });
      const spacing = spacingMm(image.affine);
      return {
        result: { out: options.out, method, size: image.size, spacingMm: spacing },
        text: `${options.out}: ${image.size.join("x")} voxels of ${showMm(spacing)} mm by ${method}`,
      };
    },
  );
}

/** Splines and waves overshoot at edges: no voxel becomes darker or brighter than any of the scan. */
function within([low, high]: readonly [number, number], image: ImageVolume): ImageVolume {
  return { ...image, data: image.data.map((value) => Math.min(high, Math.max(low, value))) };
}
