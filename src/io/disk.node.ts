import { randomBytes } from "node:crypto";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { createGunzip, gzip } from "node:zlib";
import { fail, GyrusError } from "../core/errors.js";
import { type FileSystem, gzipError } from "./files.js";

const compress = promisify(gzip);

/** Largest file that is read in one piece; Node's own limit for a read. */
const largestFile = 2 ** 31 - 1;

/** The disk. Paths are relative to the working folder. */
export const nodeFiles: FileSystem = {
  read: readBytes,
  write: writeBytes,
  list: async (path) => {
    try {
      const entries = await readdir(path, { withFileTypes: true });
      const found = await Promise.all(
        entries.map(async (entry) => ({
          name: entry.name,
          folder: entry.isSymbolicLink() ? await isFolder(`${path}/${entry.name}`) : entry.isDirectory(),
        })),
      );
      return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (cause) {
      if (codeOf(cause) === "ENOTDIR" || codeOf(cause) === "ENOENT") return undefined;
      throw readError(path, cause);
    }
  },
  gzip: {
    compress: (bytes) => compress(bytes, { level: 6 }),
    expand: expandBytes,
  },
};

/** How far a stream may run past what was asked for before it is cut off: enough for padding, not for a bomb. */
const slack = 1 << 20;

/** Expand through a stream, so that a small file which expands without end costs no memory. */
async function expandBytes(bytes: Uint8Array, path: string, limit = largestFile): Promise<Uint8Array> {
  const stream = createGunzip({ chunkSize: 1 << 20 });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    stream.end(bytes);
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > limit + slack) break;
    }
  } catch (cause) {
    throw gzipError(path, cause);
  } finally {
    stream.destroy();
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
}

async function readBytes(path: string, limit?: number): Promise<Uint8Array> {
  let file: Awaited<ReturnType<typeof open>> | undefined;
  try {
    file = await open(path, "r");
    const { size } = await file.stat();
    if (limit === undefined && size > largestFile)
      fail("memory", {
        what: "the file is too large to be read in one piece",
        where: path,
        expected: "at most 2 GiB",
        found: `${(size / 2 ** 30).toPrecision(3)} GiB`,
        fix: "Crop or split it first",
      });
    if (limit === undefined) return await file.readFile();
    const bytes = new Uint8Array(Math.min(limit, size));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } catch (cause) {
    if (cause instanceof GyrusError) throw cause;
    throw readError(path, cause);
  } finally {
    await file?.close();
  }
}

/**
 * Write whole or not at all: into a new file in the same folder, flushed to the disk, then renamed over the
 * target. A full disk leaves neither a half file nor the temporary one.
 */
async function writeBytes(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.part`;
  let file: Awaited<ReturnType<typeof open>> | undefined;
  try {
    file = await open(temporary, "wx");
    await file.writeFile(bytes);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(temporary, path);
  } catch (cause) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeError(path, bytes.length, cause);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

function readError(path: string, cause: unknown): GyrusError {
  const code = codeOf(cause);
  if (code === "ENOENT" || code === "ENOTDIR")
    return new GyrusError("not-found", {
      what: "there is no such file",
      where: path,
      fix: "Check the path",
      cause,
    });
  const reasons: Record<string, string> = {
    EACCES: "the file may not be read",
    EPERM: "the file may not be read",
    EISDIR: "this is a folder where a file is wanted",
  };
  return new GyrusError("not-found", {
    what: reasons[code] ?? "the file cannot be read",
    where: path,
    found: code || String(cause),
    fix: code === "EISDIR" ? "Give a file inside it" : "Check its permissions and the disk",
    cause,
  });
}

const writeReasons: Record<string, readonly [what: string, fix: string]> = {
  ENOSPC: ["the disk is full", "Free some space and run this again; nothing was left half-written"],
  EDQUOT: ["the disk quota is used up", "Free some space and run this again; nothing was left half-written"],
  EFBIG: ["the file is larger than the disk allows", "Write to another disk; nothing was left half-written"],
  EROFS: ["the disk is read-only", "Write to another folder"],
  EACCES: ["the folder may not be written to", "Change its permissions or write to another folder"],
  ENOENT: ["the folder does not exist", "Make the folder first, or check the path"],
  ENOTDIR: ["the folder does not exist", "Make the folder first, or check the path"],
  EISDIR: ["a folder stands where the file should go", "Choose another name"],
};

function writeError(path: string, length: number, cause: unknown): GyrusError {
  const code = codeOf(cause);
  const [what, fix] = writeReasons[code] ?? ["the file cannot be written", "Check the disk and the path"];
  return new GyrusError("disk", {
    what,
    where: path,
    expected: `room for ${length} bytes`,
    found: code,
    fix,
    cause,
  });
}
