import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fail, GyrusError } from "../core/errors.js";

/**
 * Fill a new folder, whole or not at all: `write` is given a folder beside the wanted one, which is moved into place when
 * `write` is done and removed when it throws. `what` it is stands in errors. The result of `write`.
 *
 * Throws `exists` where there is a file or anything in the folder, before `write` and after it, and `disk`.
 */
export async function writeWholeFolder<T>(
  folder: string,
  write: (building: string) => Promise<T>,
  what = "the data set",
): Promise<T> {
  const target = resolve(folder);
  await requireFree(target, what);
  try {
    await mkdir(dirname(target), { recursive: true });
    // Not a folder for temporary files, which nobody else may read: this one will be handed on.
    const building = join(dirname(target), `.${basename(target)}-${randomBytes(6).toString("hex")}`);
    await mkdir(building);
    try {
      const result = await write(building);
      await requireFree(target, what);
      await rmdir(target).catch(() => undefined);
      await rename(building, target);
      return result;
    } catch (cause) {
      await rm(building, { recursive: true, force: true });
      throw cause;
    }
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && !(cause instanceof GyrusError))
      diskError(target, cause, what);
    throw cause;
  }
}

/** Throws `exists` unless the folder is absent or empty, with `fix` for one that is not, and `disk`. */
export async function requireFree(
  folder: string,
  what = "the data set",
  fix = "Choose another folder, or remove this one yourself if it is no longer needed",
): Promise<void> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    if (cause.code === "ENOTDIR")
      fail("exists", {
        what: `there is a file where ${what} should be written`,
        where: folder,
        expected: "a new or an empty folder",
        found: "a file",
        fix: "Choose another folder",
        cause,
      });
    return diskError(folder, cause, what);
  });
  if (names.length > 0)
    fail("exists", {
      what: `the folder for ${what} is not empty`,
      where: folder,
      expected: "a new or an empty folder",
      found: `${names.length} entries, among them ${names.slice(0, 3).join(", ")}`,
      fix,
    });
}

/** Make a folder and those that it lies in, where they are not there. Throws `disk`. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) =>
    fail("disk", {
      what: "the folder cannot be made",
      where: folder,
      fix: "Check the path and its permissions",
      cause,
    }),
  );
}

/** Throws `disk`: what could not be written, and why. */
export function diskError(folder: string, cause: unknown, what: string): never {
  fail("disk", {
    what: `${what} could not be written`,
    where: folder,
    expected: "a folder that can be written, with enough space",
    found: cause instanceof Error ? cause.message : String(cause),
    fix: "Check the folder's permissions and the space on the disk",
    cause,
  });
}
