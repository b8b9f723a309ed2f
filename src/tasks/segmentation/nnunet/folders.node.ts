import { stat } from "node:fs/promises";

export { makeFolder } from "../../../io/whole-folder.node.js";

/** Whether a file or folder is there. */
export function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
