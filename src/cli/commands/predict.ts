import type { Command } from "commander";
import type { Device } from "../../runtime/engine.js";
import { systemOf } from "../../systems/node.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { deviceOption } from "../device-option.js";
import { exitCodes } from "../exit.js";
import { interruptible } from "../interrupt.js";
import { counted } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";

interface Options {
  readonly out: string;
  readonly mirror: boolean;
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
        "Results lie on each scan's own grid and open over it in any viewer. A scan may be in any orientation and voxel size; it is brought to what the network knows and the result is brought back.",
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
      ],
    },
    (command) => {
      command
        .requiredOption("--out <folder>", "where the predictions go, one file a scan")
        .option("--no-mirror", "do not average over mirrored copies of the scan: faster, often a bit worse")
        .option(
          "--threads <n>",
          "threads of the engine; default: its own choice",
          numberWithin("--threads", { low: 1, whole: true }),
        )
        .addOption(deviceOption());
    },
    async (shell, options, [model = "", ...scans]) => {
      const verbs = await (await systemOf(model)).verbs();
      const progress = progressOn(shell);
      const promise = "Stopping after this scan.";
      const { made, asked } = await interruptible(shell, promise, async (signal) => ({
        made: await verbs.predict({
          model,
          scans,
          outDir: options.out,
          mirror: options.mirror,
          ...(options.threads === undefined ? {} : { threads: options.threads }),
          ...(options.device === undefined ? {} : { device: options.device }),
          signal,
          onProgress: countingProgress(progress, "scan"),
        }),
        asked: signal.aborted,
      })).finally(progress.stop);
      const lines = made.files.map(({ prediction }) => prediction);
      const whole = `${counted(made.files.length, "prediction")} written${asked ? ` of ${scans.length}: interrupted` : ""}`;
      return {
        result: made,
        text: [...lines, whole].join("\n"),
        exit: asked ? exitCodes.failed : exitCodes.done,
      };
    },
  );
}
