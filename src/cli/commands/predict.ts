import type { Command } from "commander";
import type { Device } from "../../runtime/engine.js";
import { systemOf } from "../../systems/node.js";
import { refuseSealedScans } from "../../tasks/looks.node.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { deviceOption } from "../device-option.js";
import { exitCodes } from "../exit.js";
import { interruptible } from "../interrupt.js";
import { counted } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";
import { requireMirrored } from "../systems.js";

interface Options {
  readonly out: string;
  readonly mirror: boolean;
  readonly overwrite?: boolean;
  readonly threads?: number;
  readonly device?: Device;
}

export function predictCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "predict <model> <scans...>",
      purpose: "Apply a trained run, or a model exported from one, to scans",
      about:
        "The model is a run folder, an exported file or folder, or an experiment of gyrus train nnunet, whose folds are averaged. Results lie on each scan's own grid and open over it in any viewer. A scan may be in any orientation and voxel size; it is brought to what the network knows and the result is brought back. Several channels are one 4-D file, files that end in _0000, _0001 and so on, or files joined by commas; a folder stands for the scans in it.",
      examples: [
        {
          line: "gyrus predict runs/first sub-019_T1w.nii.gz --out predictions",
          about: "Segment one scan with the run's best weights.",
        },
        {
          line: "gyrus predict model.onnx scans/*.nii.gz --out predictions --no-mirror",
          about:
            "An exported model on many scans, without averaging over mirrored copies: faster, often a bit worse.",
        },
        {
          line: "gyrus predict runs/hippocampus imagesTs --out predictions",
          about:
            "All scans of a folder by an nnU-Net experiment: what gyrus find-best chose. Interrupted, the same line goes on.",
        },
      ],
    },
    (command) => {
      command
        .requiredOption("--out <folder>", "where the predictions go, one file a scan")
        .option(
          "--overwrite",
          "nnunet: predict scans anew whose results are there already, and replace other files",
        )
        .option(
          "--no-mirror",
          "segment-unet, nnunet: do not average over mirrored copies of the scan: faster, often a bit worse",
        )
        .option(
          "--threads <n>",
          "threads of the engine; default: its own choice",
          numberWithin("--threads", { low: 1, whole: true }),
        )
        .addOption(deviceOption());
    },
    async (shell, options, [model = "", ...scans]) => {
      const system = await systemOf(model);
      requireMirrored(system, options.mirror);
      const verbs = await system.verbs();
      await refuseSealedScans(model, scans);
      const progress = progressOn(shell);
      const promise = "Stopping after this scan.";
      const { made, asked } = await interruptible(shell, promise, async (signal) => ({
        made: await verbs.predict({
          model,
          scans,
          outDir: options.out,
          ...(options.mirror ? {} : { mirror: false }),
          overwrite: options.overwrite ?? false,
          ...(options.threads === undefined ? {} : { threads: options.threads }),
          ...(options.device === undefined ? {} : { device: options.device }),
          signal,
          onProgress: countingProgress(progress, "scan"),
          onNote: progress.note,
        }),
        asked: signal.aborted,
      })).finally(progress.stop);
      const lines = made.files.map(({ prediction }) => prediction);
      const kept = made.files.filter((file) => file.kept).length;
      const there = kept > 0 ? `, ${kept} kept from before` : "";
      const whole = `${counted(made.files.length - kept, "prediction")} written${there}${asked ? "; interrupted" : ""}`;
      return {
        result: made,
        text: [...lines, whole].join("\n"),
        exit: asked ? exitCodes.failed : exitCodes.done,
      };
    },
  );
}
