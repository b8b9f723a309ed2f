import type { Command } from "commander";
import { describeInspection } from "../../io/inspect.js";
import { inspectPath } from "../../io/node.js";
import { defineCommand, type Finish } from "../command.js";
import { addDataSetOptions, type DataSetFlags, dataSetOptions } from "../dataset-options.js";
import { exitCodes } from "../exit.js";
import { countingProgress, progressOn } from "../progress.js";

export function inspectCommand(finish: Finish): Command {
  return defineCommand<DataSetFlags>(
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
    addDataSetOptions,
    async (shell, flags, paths) => {
      const progress = progressOn(shell);
      const show = countingProgress(progress, "path");
      const found: Awaited<ReturnType<typeof inspectPath>>[] = [];
      try {
        for (const path of paths) {
          if (paths.length > 1) show(found.length, paths.length, path);
          found.push(await inspectPath(path, dataSetOptions(flags)));
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
