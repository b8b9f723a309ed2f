import type { Command } from "commander";
import { describeInspection } from "../../io/inspect.js";
import { inspectPath } from "../../io/node.js";
import { defineCommand, type Finish } from "../command.js";
import { exitCodes } from "../exit.js";
import { countingProgress, progressOn } from "../progress.js";

interface Options {
  readonly channels?: readonly string[];
  readonly derivative?: string;
}

export function inspectCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "inspect <paths...>",
      purpose: "Say what a scan or a data set is, what is wrong with it and what would fix it",
      about:
        "Files are read whole, and of a data set every case: geometry, voxel values, labels, tables. The exit code is 1 when something is wrong that would stop a training.",
      examples: [
        {
          line: "gyrus inspect scan.nii.gz",
          about: "Size, voxel size, orientation, range of values, problems.",
        },
        {
          line: "gyrus inspect Task04_Hippocampus",
          about: "Every case of a data set, before training on it.",
        },
      ],
    },
    (command) => {
      command
        .option(
          "--channels <names>",
          "which images of a data set are the channels, by commas: T1w,FLAIR",
          (text) => text.split(",").map((name) => name.trim()),
        )
        .option("--derivative <folder>", "BIDS: which folder under derivatives/ holds the segmentations");
    },
    async (shell, { channels, derivative }, paths) => {
      const progress = progressOn(shell);
      const show = countingProgress(progress, "path");
      const found: Awaited<ReturnType<typeof inspectPath>>[] = [];
      try {
        for (const path of paths) {
          if (paths.length > 1) show(found.length, paths.length, path);
          const options = {
            ...(channels === undefined ? {} : { channels }),
            ...(derivative === undefined ? {} : { derivative }),
          };
          found.push(await inspectPath(path, options));
        }
      } finally {
        progress.stop();
      }
      const wrong = found.some(({ problems }) => problems.some(({ level }) => level === "error"));
      return {
        result: found,
        text: found.map((one) => describeInspection(one).join("\n")).join("\n\n"),
        exit: wrong ? exitCodes.found : exitCodes.done,
      };
    },
  );
}
