import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fail, GyrusError } from "../core/errors.js";

/**
 * Fill a new folder, whole or not at all: `write` is given a folder beside the wanted one, which is moved into place when
 * `write` is done and removed when it throws. The result of `write`.
 *
 * Throws `exists` where there is a file or anything in the folder, before `write` and after it, and `disk`.
 */
export async function writeWholeFolder<T>(
  folder: string,
  write: (building: string) => Promise<T>,
): Promise<T> {
  const target = resolve(folder);
  await requireFree(target);
  try {
    await mkdir(dirname(target), { recursive: true });
    const building = await mkdtemp(join(dirname(target), `.${basename(target)}-`));
    try {
      const result = await write(building);
      await requireFree(target);
      await rmdir(target).catch(() => undefined);
      await rename(building, target);
      return result;
    } catch (cause) {
      await rm(building, { recursive: true, force: true });
      throw cause;
    }
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && !(cause instanceof GyrusError)) diskError(target, cause);
    throw cause;
  }
}

/** Throws `exists` unless the folder is absent or empty, and `disk`. */
export async function requireFree(folder: string): Promise<void> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    if (cause.code === "ENOTDIR")
      fail("exists", {
        what: "there is a file where the data set should be written",
        where: folder,
        expected: "a new or an empty folder",
        found: "a file",
        fix: "Choose another folder",
        cause,
      });
    return diskError(folder, cause);
  });
  if (names.length > 0)
    fail("exists", {
      what: "the folder for the data set is not empty",
      where: folder,
      expected: "a new or an empty folder",
      found: `${names.length} entries, among them ${names.slice(0, 3).join(", ")}`,
      fix: "Choose another folder, or remove this one yourself if it is no longer needed",
    });
}

function diskError(folder: string, cause: unknown): never {
  fail("disk", {
    what: "the data set could not be written",
    where: folder,
    expected: "a folder that can be written, with enough space",
    found: cause instanceof Error ? cause.message : String(cause),
    fix: "Check the folder's permissions and the space on the disk",
    cause,
  });
}
