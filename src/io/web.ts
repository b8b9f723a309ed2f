import { fail } from "../core/errors.js";
import { type FileEntry, type FileSystem, gzipError } from "./files.js";

/**
 * Files that a user dropped or chose, as a file system: paths are `webkitRelativePath` where a folder was
 * chosen, else names. What is written goes to `save`, for example as a download.
 */
export function webFiles(
  chosen: Iterable<File>,
  save?: (path: string, bytes: Uint8Array) => Promise<void>,
): FileSystem {
  const byPath = new Map<string, File>();
  for (const file of chosen) byPath.set(file.webkitRelativePath || file.name, file);
  return {
    read: async (path, limit) => {
      const file = byPath.get(path);
      if (file === undefined)
        fail("not-found", {
          what: "this file is not among those that were chosen",
          where: path,
          fix: "Choose it together with the others (both files of a .hdr/.img pair)",
        });
      const part = limit === undefined ? file : file.slice(0, limit);
      return new Uint8Array(await part.arrayBuffer());
    },
    list: async (path) => list([...byPath.keys()], path),
    write: async (path, bytes) => {
      if (save === undefined)
        fail("unsupported", {
          what: "nothing can be written here",
          where: path,
          fix: "Give a function that saves",
        });
      await save(path, bytes);
    },
    gzip: {
      compress: (bytes) => through(bytes, new CompressionStream("gzip"), Number.POSITIVE_INFINITY),
      expand: async (bytes, path, limit = Number.POSITIVE_INFINITY) => {
        try {
          return await through(bytes, new DecompressionStream("gzip"), limit + slack);
        } catch (cause) {
          throw gzipError(path, cause);
        }
      },
    },
  };
}

/** How far a stream may run past what was asked for before it is cut off. */
const slack = 1 << 20;

function list(paths: readonly string[], folder: string): readonly FileEntry[] | undefined {
  const prefix = folder === "" || folder === "." ? "" : `${folder.replace(/\/$/, "")}/`;
  const entries = new Map<string, boolean>();
  for (const path of paths) {
    if (!path.startsWith(prefix)) continue;
    const [name, ...rest] = path.slice(prefix.length).split("/");
    entries.set(name!, rest.length > 0);
  }
  if (entries.size === 0) return undefined;
  return [...entries]
    .map(([name, isFolder]) => ({ name, folder: isFolder }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function through(
  bytes: Uint8Array,
  stream: CompressionStream | DecompressionStream,
  limit: number,
): Promise<Uint8Array> {
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const reader = source
    .pipeThrough(stream as ReadableWritablePair<Uint8Array, Uint8Array<ArrayBuffer>>)
    .getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length <= limit) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
  }
  await reader.cancel().catch(() => undefined);
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
