import type { SubjectTable } from "../../io/subjects.js";
import type { RunRecord } from "../run.js";
import { splitOf } from "../split.node.js";
import type { TrainRequest } from "../verbs.js";
import type { ClassificationConfig } from "./config.js";
import { openEverybody, openTable } from "./data.node.js";
import { splitAmong, splitSubjects } from "./split.js";

/**
 * The rows that a new training is about, and who of them is on which side; `share` of the training subjects are set aside. A
 * split file is of everybody, whatever the two diagnoses of this run, and may know subjects whose rows were left out. Throws
 * as `openTable` and `splitOf` do.
 */
export async function openSplitTable(
  request: TrainRequest,
  config: Pick<ClassificationConfig, "classes" | "table">,
  share: number,
): Promise<{ readonly table: SubjectTable; readonly split: RunRecord["split"] }> {
  const { dataDir, dataset = {}, seed, fold = 0, folds = 5 } = request;
  const fromFile = request.split !== undefined;
  // A split in a file has folds of its own.
  const table = await openTable(dataDir, config, dataset, fromFile ? {} : { folds });
  const everybody = fromFile ? await openEverybody(dataDir, config, dataset) : table;
  const cases = everybody.rows.map(({ id, subject, image }) => ({ id, subject, images: [image] }));
  const whole = await splitOf(
    { name: table.source, stack: false, cases },
    request,
    () => splitSubjects(table, { fold, folds, share, seed }),
    { strangers: "ignore" },
  );
  return { table, split: splitAmong(whole, table.rows) };
}
