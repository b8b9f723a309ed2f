import { join } from "node:path";
import { fail } from "../../../core/errors.js";
import { baseName, folderOf } from "../../../io/files.js";
import { nodeFiles, writeText } from "../../../io/node.js";
import { writeWholeFolder } from "../../../io/whole-folder.node.js";
import type { ExportRequest, ExportSummary } from "../../verbs.js";
import type { ConfigurationName } from "./plan.js";
import { type PredictorPlan, predictorFile } from "./predictor.js";
import { explainPredictor } from "./predictor-words.js";
import { findPredictor } from "./source.js";

/**
 * Write a whole predictor as a folder of its own, whole or not at all: one `.onnx` file of standard operators for every
 * network, and `predictor.json`, which says in numbers and in words what is done before, between and after them.
 * `gyrus predict` and, in a browser, `openPredictor` run it.
 */
export async function exportPredictor({ runDir, out }: ExportRequest): Promise<ExportSummary> {
  if (/\.onnx$/i.test(out))
    fail("bad-argument", {
      what: "several networks and their plan do not go into one file",
      where: out,
      expected: "a folder",
      fix: "Give a folder as --out, or export one fold: its own run folder",
    });
  const { plan } = await findPredictor(nodeFiles, runDir);
  let bytes = 0;
  await writeWholeFolder(
    out,
    async (building) => {
      const stages: PredictorPlan["stages"] = {};
      for (const [name, stage] of Object.entries(plan.stages)) {
        if (stage === undefined) continue;
        const files: string[] = [];
        for (const path of stage.files) {
          const file = exportedName(name, path);
          const network = await nodeFiles.read(path);
          await nodeFiles.write(join(building, file), network);
          bytes += network.length;
          files.push(file);
        }
        stages[name as ConfigurationName] = { model: stage.model, files };
      }
      const exported = { ...plan, stages };
      const text = `${JSON.stringify({ ...exported, how: explainPredictor(exported) }, null, 2)}\n`;
      await writeText(join(building, predictorFile), text);
      bytes += text.length;
    },
    "the predictor",
  );
  return { path: out, bytes };
}

/** `3d_fullres/fold-0/model.onnx` → `3d_fullres-fold-0.onnx`; an exported file keeps its name. */
function exportedName(stage: string, path: string): string {
  const file = baseName(path);
  return file === "model.onnx" ? `${stage}-${baseName(folderOf(path))}.onnx` : file;
}
