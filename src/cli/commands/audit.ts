import type { Command } from "commander";
import { auditFrom } from "../../audit/audit.js";
import { buildAuditReport } from "../../audit/html.js";
import { sidesOf } from "../../audit/sides.js";
import { describeAudit } from "../../audit/words.js";
import { nodeFiles, writeText } from "../../io/node.js";
import { parseSplitFile, type SplitFile } from "../../io/split-file.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { addDataSetOptions, type DataSetFlags, dataSetOptions } from "../dataset-options.js";
import { exitCodes } from "../exit.js";
import { countingProgress, progressOn } from "../progress.js";

interface Options extends DataSetFlags {
  readonly out?: string;
  readonly split?: string;
  readonly falseAlarms: number;
  readonly mirror: boolean;
}

export function auditCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "audit <path>",
      purpose: "Look for leaks between training and testing",
      about:
        "The path is a folder of images in train and test folders, a table (.csv, .tsv) with the columns split and subject or path, a run folder, or a data set with a split. One person on both sides is found by identifier and by the images themselves; a run is asked what it learnt on whom and who looked at its test set; age, sex and site are compared between diagnoses. The exit code is 1 when something is found.",
      examples: [
        {
          line: "gyrus audit slices --out audit.html",
          about: "A folder with train/ and test/, names meaning nothing.",
        },
        {
          line: "gyrus audit table.csv --json",
          about: "A table with the columns split, subject, path, diagnosis, age, sex.",
        },
        { line: "gyrus audit cohort --split split.json", about: "A data set with the split of gyrus split." },
        { line: "gyrus audit runs/first", about: "What a run was trained on, chosen by and tested on." },
      ],
    },
    (command) => {
      command
        .option("--split <file>", "which subjects of a data set are on which side, as gyrus split writes it")
        .option("--out <file>", "write a report with pairs of images side by side, as HTML")
        .option(
          "--false-alarms <p>",
          "probability of one or more wrong matches of images in a clean collection",
          numberWithin("--false-alarms", { low: 1e-9, high: 0.5 }),
          0.01,
        )
        .option("--no-mirror", "do not look for mirror images: half the time");
      addDataSetOptions(command);
    },
    async (shell, options, [path = ""]) => {
      const progress = progressOn(shell);
      const found = await auditFrom(nodeFiles, path, {
        dataset: dataSetOptions(options),
        ...(options.split === undefined ? {} : { split: sidesOf(await splitIn(options.split)) }),
        falseAlarms: options.falseAlarms,
        mirror: options.mirror,
        onProgress: countingProgress(progress, "image"),
      }).finally(progress.stop);
      if (options.out !== undefined) await writeText(options.out, buildAuditReport(found));
      const lines = [
        ...describeAudit(found.audit),
        ...(options.out === undefined ? [] : [`Report: ${options.out}`]),
      ];
      return {
        result: { ...found.audit, report: options.out ?? null },
        text: lines.join("\n"),
        exit: found.audit.found ? exitCodes.found : exitCodes.done,
      };
    },
  );
}

const splitIn = async (path: string): Promise<SplitFile> =>
  parseSplitFile(new TextDecoder().decode(await nodeFiles.read(path)), path, { leaky: true });
