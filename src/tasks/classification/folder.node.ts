import { readRunAs } from "../run-folder.node.js";
import { type Run, runSchema } from "./run.js";

/** The record of a classification run. Throws `not-found` and `bad-file`. */
export function readRun(dir: string): Promise<Run> {
  return readRunAs(dir, runSchema);
}
