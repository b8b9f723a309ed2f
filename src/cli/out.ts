import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fail } from "../core/errors.js";
import { formatToWrite, nifti } from "../io/formats.js";

/**
 * What `--out` names can become a volume in millimetres: found out before the minutes of work, not after. Throws
 * `bad-argument` for a name that says no such format, for a folder's and for that of a file which the result is made from,
 * `not-found` where its folder is not there, and `disk` where that may not be written to.
 */
export async function requireWritable(path: string, sources: readonly (string | undefined)[]): Promise<void> {
  formatToWrite(path, [nifti]);
  const replaced = sources.find((source) => source !== undefined && resolve(source) === resolve(path));
  if (replaced !== undefined)
    fail("bad-argument", {
      what: "the result would replace what it is made from",
      where: path,
      expected: "another file than those that are read",
      fix: "Choose another name for --out",
    });
  const folder = dirname(path);
  if (!(await isFolder(folder)))
    fail("not-found", {
      what: "the folder that the result should go to is not there",
      where: path,
      expected: `a folder ${folder}`,
      fix: "Make the folder first, or check the path",
    });
  if (await isFolder(path))
    fail("bad-argument", {
      what: "a folder stands where the result should go",
      where: path,
      fix: "Choose another name",
    });
  await access(folder, constants.W_OK).catch((cause: unknown) =>
    fail("disk", {
      what: "the folder may not be written to",
      where: folder,
      fix: "Change its permissions or write to another folder",
      cause,
    }),
  );
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}
