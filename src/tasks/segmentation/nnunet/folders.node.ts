import { mkdir, stat } from "node:fs/promises";
import { fail } from "../../../core/errors.js";

/** Whether a file or folder is there. */
export function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Make a folder and those that it lies in. Throws `disk`. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: unknown) =>
    fail("disk", {
      what: "the folder cannot be made",
      where: path,
      fix: "Check the path and its permissions",
      cause,
    }),
  );
}
