import { rm } from "node:fs/promises";
import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import { requireImage } from "../../io/case.js";
import { type TypeChoice, typeChoices, writeScanLikeTo } from "../../io/like.js";
import { nodeFiles, readVolume } from "../../io/node.js";
import { sliceProfiles } from "../../sim/mr/profile.js";
import { configs } from "../../systems/smore.js";
import { showMm, spacingMm } from "../../volume/affine.js";
import { rangeOf } from "../../volume/intensity.js";
import { type Interpolation, interpolations, toIsotropic } from "../../volume/isotropic.js";
import type { ImageVolume } from "../../volume/volume.js";
import { defineCommand, type Finish, keyValue, numberWithin, requireOneOf } from "../command.js";
import { deviceOption } from "../device-option.js";
import { exitCodes } from "../exit.js";
import { requireWritable } from "../out.js";
import { formatSeconds } from "../print.js";
import { requireRoom } from "../room.js";
import {
  byRun,
  bySmore,
  requireNoTraining,
  requireSmoreRun,
  type SmoreAnswer,
  type SmoreOptions,
} from "../superres-smore.js";

interface Options extends SmoreOptions {
  readonly method: string;
  readonly dtype: string;
}

const methods = ["smore", ...interpolations, "bspline"] as const;

export function superresCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "superres <scan>",
      purpose: "Bring a scan with thick slices to cubes for voxels",
      about:
        "SMORE trains two networks on the scan itself, on what slices as thick as its own would make of its planes, and applies them across the slices: minutes on two cores. Interpolation takes seconds and adds no detail. The result has the scan's axes and covers the same field; its affine says where its voxels are. Ctrl-C saves the training; the same command with --resume goes on, with the bits of one that never stopped.",
      examples: [
        {
          line: "gyrus superres T2w.nii.gz --out T2w_iso.nii.gz",
          about: "SMORE, to voxels as fine as the finest of the scan, for slices without gaps.",
        },
        {
          line: "gyrus superres FLAIR.nii.gz --target-mm 1 --thickness 4 --gap 1 --minutes 5 --out FLAIR_1mm.nii.gz",
          about: "Slices of 4 mm with gaps of 1 mm to voxels of 1 mm, after five minutes of training.",
        },
        {
          line: "gyrus superres T1w.nii.gz --acquisition 3d --out T1w_iso.nii.gz",
          about:
            "A 3-D acquisition with partitions thicker than its planes' voxels: blurred, and not aliased.",
        },
        {
          line: "gyrus superres T2w.nii.gz --method cubic --out T2w_iso.nii.gz",
          about: "By cubic B-splines alone.",
        },
        {
          line: "gyrus superres T2w.nii.gz --method fourier --target-mm 1 --dtype float32 --out T2w_1mm.nii.gz",
          about: "Voxels of 1 mm by zero padding in k-space, stored as float32.",
        },
        {
          line: "gyrus superres other.nii.gz --method runs/smore --out other_iso.nii.gz",
          about: "By the networks of a run that gyrus train smore made from scans with such slices.",
        },
      ],
    },
    (command) => {
      const whole = (option: string, low: number) => numberWithin(option, { low, whole: true });
      const mm = (option: string, low: number) => numberWithin(option, { low, high: 50 });
      command
        .requiredOption("--out <file>", "the scan to write: .nii.gz, .nii or .hdr")
        .option(
          "--method <name>",
          `smore, ${interpolations.join(", ")} (cubic is the B-spline, also called bspline), or the folder of a run of smore (or its .onnx file)`,
          "smore",
        )
        .option(
          "--target-mm <mm>",
          "edge of the voxels; default: the scan's smallest spacing",
          mm("--target-mm", 0.05),
        )
        .option(
          "--thickness <mm>",
          "of the slices, at half maximum; default: their distance",
          mm("--thickness", 0.05),
        )
        .option("--gap <mm>", "between slices; default: 0, as files do not say it", mm("--gap", 0))
        .option(
          "--profile <shape>",
          `of the slices: ${sliceProfiles.join(", ")} (rf: of a selective pulse; box: the mean of thinner ones); default: gaussian`,
        )
        .option("--acquisition <kind>", "2d (slices) or 3d (partitions, not aliased); default: 2d")
        .option("--mask <file>", "on the scan's grid: learn only where it is not 0")
        .option("--preset <name>", `${Object.keys(configs).join(", ")}; default: small`)
        .option("--set <key=value>", "change a setting of the preset; may be given again", keyValue)
        .option(
          "--minutes <m>",
          "train for so long instead of the preset's steps",
          numberWithin("--minutes", { low: 0.01 }),
        )
        .option("--seed <n>", "decides the first weights and every draw; default: 1", whole("--seed", 0))
        .option(
          "--run <folder>",
          "keep the training there; default: beside the result, removed when it is written",
        )
        .option("--resume", "go on with a training that was interrupted")
        .option("--threads <n>", "threads of the engine; default: its own choice", whole("--threads", 1))
        .addOption(deviceOption())
        .option("--force", "go on where the scan has such voxels already")
        .option("--dtype <type>", `how voxels are stored: ${typeChoices.join(", ")}`, "same");
    },
    async (shell, options, [path = ""]) => {
      await requireWritable(options.out, [path, options.mask]);
      const method = options.method === "bspline" ? "cubic" : options.method;
      const plain = interpolations.some((name) => name === method);
      requireOneOf("--dtype", options.dtype, typeChoices);
      if (plain) requireNoTraining(method, options, ["threads", "device"]);
      else if (method !== "smore") {
        await requireSmoreRun(method, methods);
        requireNoTraining("a run that has been trained", options, ["targetMm"]);
      }
      const { volume: scan, header } = await readVolume(path, { as: "float32" });
      requireScan(scan, path);
      const dtype = options.dtype as TypeChoice;
      requireRoom(scan, dtype, path);
      let answer: SmoreAnswer;
      if (plain)
        answer = { image: interpolate(scan, method as Interpolation, options, path), facts: {}, words: [] };
      else
        answer = await (method === "smore"
          ? bySmore(shell, scan, path, options)
          : byRun(shell, scan, path, method, options));
      const { image, training, spentRun, facts, words } = answer;
      if (image === undefined)
        return {
          result: { out: null, method, ...facts },
          text: "Interrupted and saved. To go on, give the same command with --resume.",
          exit: exitCodes.failed,
        };
      await writeScanLikeTo(nodeFiles, options.out, image, header, {
        dtype,
        description: plain ? `Gyrus: ${method} interpolation` : "Gyrus: super-resolution by SMORE",
      });
      if (spentRun !== undefined) await rm(spentRun, { recursive: true, force: true });
      const spacing = spacingMm(image.affine);
      const trained =
        training === undefined
          ? ""
          : `, trained ${training.steps} steps in ${formatSeconds(training.seconds)}`;
      return {
        result: { out: options.out, method, size: image.size, spacingMm: spacing, ...facts },
        text: [
          `${options.out}: ${image.size.join("x")} voxels of ${showMm(spacing)} mm by ${method}${trained}`,
          ...words,
        ].join("\n"),
      };
    },
  );
}

function requireScan(scan: ImageVolume, path: string): void {
  if (scan.channels !== 1)
    fail("bad-data", {
      what: `there are ${scan.channels} volumes`,
      where: path,
      expected: "a 3-D scan",
      found: `${scan.size.join("x")}x${scan.channels}`,
      fix: "Extract the volume that is wanted",
    });
  requireImage(scan, path);
}

/** Splines and waves overshoot at edges: no voxel becomes darker or brighter than any of the scan. */
function interpolate(
  scan: ImageVolume,
  method: Interpolation,
  { targetMm, force = false }: SmoreOptions,
  path: string,
): ImageVolume {
  const [low, high] = rangeOf(scan.data);
  const image = toIsotropic(scan, { method, targetMm, force, where: path });
  return { ...image, data: image.data.map((value) => Math.min(high, Math.max(low, value))) };
}
