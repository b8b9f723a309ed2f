import { GyrusError } from "../core/errors.js";

/** A name inside a folder. */
export interface FileEntry {
  readonly name: string;
  readonly folder: boolean;
}

/** Compression by gzip, as fast as the platform offers it. */
export interface Gzip {
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  /** Expand; with a limit, stop after that many bytes have come out. Throws `bad-file` naming `path`. */
  expand(bytes: Uint8Array, path: string, limit?: number): Promise<Uint8Array>;
}

/** Where bytes come from and go to: the disk in Node, dropped files in a browser. */
export interface FileSystem {
  /** The bytes of a file, or its first `limit` bytes. Throws `not-found`. */
  read(path: string, limit?: number): Promise<Uint8Array>;
  /** What a folder holds, sorted by name; `undefined` when it is not a folder. */
  list(path: string): Promise<readonly FileEntry[] | undefined>;
  /** Write a file whole or not at all. Throws `disk`. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  readonly gzip: Gzip;
}

/** Paths are joined with "/" on every platform; Node accepts it everywhere. */
export function joinPath(...parts: readonly string[]): string {
  return parts
    .filter((part) => part !== "" && part !== ".")
    .map((part) => part.replace(/^\.\//, ""))
    .join("/")
    .replace(/(?<!^)\/{2,}/g, "/");
}

export function baseName(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
}

export function folderOf(path: string): string {
  const cut = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return cut < 0 ? "." : cut === 0 ? path.slice(0, 1) : path.slice(0, cut);
}

/** True for the two bytes that every gzip file begins with. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The error of a gzip stream that cannot be expanded, whatever library noticed it. */
export function gzipError(path: string, cause: unknown): GyrusError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const truncated = /unexpected end|unexpected EOF|incomplete|too short/i.test(message);
  return new GyrusError("bad-file", {
    what: truncated ? "the gzip stream ends early" : "the gzip stream is damaged",
    where: path,
    expected: "a complete .gz file",
    found: message,
    fix: "Copy or download the file again",
    cause,
  });
}
