import { readRunAs } from "../run-folder.node.js";
import { type Run, runSchema } from "./run.js";

/** The record of a run that makes scans sharper. See `readRunAs`. */
export function readRun(dir: string): Promise<Run> {
  return readRunAs(dir, runSchema);
}
