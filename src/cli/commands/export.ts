import type { Command } from "commander";
import { systemOf } from "../../systems/node.js";
import { defineCommand, type Finish } from "../command.js";
import { formatBytes } from "../print.js";

export function exportCommand(finish: Finish): Command {
  return defineCommand<{ readonly out: string }>(
    finish,
    {
      usage: "export <run>",
      purpose: "Write a run's best weights as one ONNX file",
      about:
        "The file holds standard ONNX operators only and opens in any ONNX Runtime; channels, voxel size, normalisation and labels are described in its metadata.",
      examples: [
        {
          line: "gyrus export runs/first --out hippocampus.onnx",
          about: "The model as one file to hand on.",
        },
        {
          line: "gyrus predict hippocampus.onnx scan.nii.gz --out predictions",
          about: "Use such a file, without the run that it came from.",
        },
      ],
    },
    (command) => {
      command.requiredOption("--out <file>", "the .onnx file to write");
    },
    async (_shell, { out }, [runDir = ""]) => {
      const verbs = await (await systemOf(runDir)).verbs();
      const made = await verbs.exportModel({ runDir, out });
      return { result: made, text: `${made.path} (${formatBytes(made.bytes)})` };
    },
  );
}
