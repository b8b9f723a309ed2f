import { dirname } from "node:path";
import { type Command, Option } from "commander";
import { prepareScans } from "../../prepare/node.js";
import type { IntensityScaling } from "../../prepare/scan.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { interruptible } from "../interrupt.js";
import { counted } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";

interface Options {
  readonly out: string;
  readonly template?: string;
  readonly registered?: boolean;
  readonly channel?: string;
  readonly intensity?: IntensityScaling;
  readonly biasCorrection: boolean;
  readonly crop: boolean;
  readonly threads?: number;
}

export function prepareCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "prepare <data>",
      purpose: "Bring the scans of a BIDS folder to a template, evened out, cut and scaled",
      about:
        "Affine registration (elastix), bias correction, one box for all, intensities from 0 to 1, and figures of how well each scan lies, with those flagged that a person should look at. Names and tables stay, each image has a sidecar with its source and transform; nothing is learnt from one scan for another. Run again, it goes on where it stopped.",
      examples: [
        {
          line: "gyrus prepare study --template MNI152_T1_2mm.nii.gz --out prepared",
          about: "All T1w images on the template's grid, cut to its head.",
        },
        {
          line: "gyrus prepare study --registered --intensity minMax --out prepared",
          about: "Declared as registered: nothing is moved; all images have to share one grid.",
        },
      ],
    },
    (command) => {
      command
        .requiredOption(
          "--out <folder>",
          "where the prepared data set goes: new, empty, or begun by this command",
        )
        .option("--template <file>", "the image that scans are registered to")
        .option("--registered", "the scans are in register already: declared, recorded, and nothing is moved")
        .option("--channel <suffix>", "which images; default: T1w")
        .addOption(
          new Option("--intensity <how>", "over the range, over the 1st to 99th percentile, or as it is")
            .choices(["minMax", "percentile", "none"])
            .default("percentile"),
        )
        .option("--no-bias-correction", "leave the signal as uneven as it is")
        .option("--no-crop", "keep the template's whole field of view")
        .option(
          "--threads <n>",
          "scans at a time; default: one a processor",
          numberWithin("--threads", { low: 1, high: 256, whole: true }),
        );
    },
    async (shell, options, [dataDir = ""]) => {
      const progress = progressOn(shell);
      try {
        const show = countingProgress(progress, "scan");
        const done = await interruptible(
          shell,
          "Stopping after the scans at hand; the same command goes on from there.",
          (signal) =>
            prepareScans({
              dataDir,
              outDir: options.out,
              registered: options.registered === true,
              biasCorrection: options.biasCorrection,
              crop: options.crop,
              ...(options.template === undefined ? {} : { template: options.template }),
              ...(options.channel === undefined ? {} : { suffix: options.channel }),
              ...(options.intensity === undefined ? {} : { intensity: options.intensity }),
              ...(options.threads === undefined ? {} : { threads: options.threads }),
              signal,
              onProgress: show,
            }),
        );
        progress.stop();
        const flagged = done.flagged
          .slice(0, 20)
          .map(({ id, reasons }) => `Look at ${id}: ${reasons.join("; ")}`);
        return {
          result: done,
          text: [
            `${counted(done.scans, "scan")} prepared in ${done.folder}${done.kept > 0 ? `, ${done.kept} of them before` : ""}`,
            ...flagged,
            ...(done.flagged.length > 20 ? [`and ${done.flagged.length - 20} more`] : []),
            ...(done.figures.length > 0
              ? [`Pictures of them over the template in ${dirname(done.figures[0]!)}`]
              : []),
            `Figures of all scans in ${done.quality}`,
          ].join("\n"),
        };
      } finally {
        progress.stop();
      }
    },
  );
}
