import type { Command } from "commander";
import { systemOf } from "../../systems/node.js";
import { defineCommand, type Finish } from "../command.js";
import { formatBytes } from "../print.js";

export function exportCommand(finish: Finish): Command {
  return defineCommand<{ readonly out: string }>(
    finish,
    {
      usage: "export <run>",
      purpose: "Write a run's weights as one ONNX file, or an nnU-Net experiment as a folder",
      about:
        "The file holds standard ONNX operators only and opens in any ONNX Runtime; channels, voxel size, normalisation and labels are described in its metadata. An experiment of gyrus train nnunet becomes a folder: an ONNX file for every network and predictor.json, which says what is done before, between and after them.",
      examples: [
        {
          line: "gyrus export runs/first --out hippocampus.onnx",
          about: "The model as one file to hand on.",
        },
        {
          line: "gyrus predict hippocampus.onnx scan.nii.gz --out predictions",
          about: "Use such a file, without the run that it came from.",
        },
        {
          line: "gyrus export runs/hippocampus --out hippocampus-predictor",
          about: "Everything that gyrus find-best chose: for gyrus predict, and for openPredictor in a page.",
        },
      ],
    },
    (command) => {
      command.requiredOption("--out <file>", "the .onnx file to write; of an experiment, a new folder");
    },
    async (_shell, { out }, [runDir = ""]) => {
      const verbs = await (await systemOf(runDir)).verbs();
      const made = await verbs.exportModel({ runDir, out });
      return { result: made, text: `${made.path} (${formatBytes(made.bytes)})` };
    },
  );
}
