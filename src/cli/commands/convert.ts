import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import { convertDataSet } from "../../io/convert.node.js";
import { type RemapChoice, showRemap } from "../../io/remap.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { addDataSetOptions, type DataSetFlags, dataSetOptions } from "../dataset-options.js";
import { interruptible } from "../interrupt.js";
import { counted } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";

interface Options extends DataSetFlags {
  readonly out: string;
  readonly remap?: RemapChoice;
  readonly tolerance?: number;
}

export function convertCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "convert <source>",
      purpose: "Write a data set in the Decathlon's layout",
      about:
        "Reads nnU-Net's raw folders, BIDS with derivatives, folders of pairs and the Decathlon's own; every case is checked. dataset.json keeps whose scan each is, regions and the ignore label. The folder appears whole or not at all.",
      examples: [
        {
          line: "gyrus convert Dataset017_Lesions --out Lesions",
          about: "From nnU-Net's raw layout: case_0000.nii.gz, case_0001.nii.gz and dataset.json.",
        },
        {
          line: "gyrus convert study --channels T1w,FLAIR --derivative manual --out Study",
          about: "From BIDS; sub-01_ses-02 stays a scan of sub-01.",
        },
        {
          line: "gyrus convert masks --remap 255=1 --out Masks",
          about: "Label values renumbered; without the option they are proposed, never changed.",
        },
      ],
    },
    (command) => {
      command
        .requiredOption("--out <folder>", "where the new data set goes: a new or an empty folder")
        .option(
          "--remap <values>",
          "renumber labels: OLD=NEW by commas, `proposed` (values outside the table as an error proposed) or `consecutive` (0, 1, 2, …)",
          remapChoice,
        )
        .option(
          "--tolerance <mm>",
          "accept grids of one case that differ by so much and write the first image's; default: 0.001",
          numberWithin("--tolerance", { low: 0, high: 1000 }),
        );
      addDataSetOptions(command);
    },
    async (shell, options, [source = ""]) => {
      const progress = progressOn(shell);
      try {
        const done = await interruptible(shell, "Stopping; nothing will be written.", (signal) =>
          convertDataSet(source, options.out, {
            dataset: dataSetOptions(options),
            ...(options.remap === undefined ? {} : { remap: options.remap }),
            ...(options.tolerance === undefined ? {} : { toleranceMm: options.tolerance }),
            onProgress: countingProgress(progress, "case"),
            signal,
          }),
        );
        progress.stop();
        return {
          result: { ...done, remap: Object.fromEntries(done.remap) },
          text: [
            `${done.folder}: ${counted(done.training, "case")} with labels, ${done.test} without`,
            ...(done.remap.size > 0 ? [`Label values: ${showRemap(done.remap)}`] : []),
            ...done.warnings.map((warning) => `Caution: ${warning}`),
          ].join("\n"),
        };
      } finally {
        progress.stop();
      }
    },
  );
}

/** "255=1,3=2", "proposed" or "consecutive". */
export function remapChoice(text: string): RemapChoice {
  if (text === "proposed" || text === "consecutive") return text;
  const pairs = text.split(",").map((pair): [number, number] => {
    const [, from, to] = /^\s*(-?[\d.]+(?:e-?\d+)?)\s*=\s*(\d+)\s*$/i.exec(pair) ?? [];
    if (from === undefined || to === undefined)
      fail("bad-argument", {
        what: "the new numbers of the labels are not understood",
        where: "--remap",
        expected: "OLD=NEW by commas, as in 255=1,128=2, or proposed, or consecutive",
        found: `"${text}"`,
      });
    return [Number(from), Number(to)];
  });
  return new Map(pairs);
}
