import { CommanderError } from "commander";
import { type ErrorKind, GyrusError } from "../core/errors.js";

/** What the process ends with. */
export const exitCodes = {
  done: 0,
  /** It found what it was asked to look for, such as a score below `--at-least`. */
  found: 1,
  /** Bad usage or bad input: a person can put it right. */
  badInput: 2,
  /** Failed on the way: the machine, the disk, the numbers, or a bug. */
  failed: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const codeOfKind: Readonly<Record<ErrorKind, ExitCode>> = {
  "not-found": exitCodes.badInput,
  "bad-file": exitCodes.badInput,
  "bad-data": exitCodes.badInput,
  geometry: exitCodes.badInput,
  "bad-argument": exitCodes.badInput,
  exists: exitCodes.badInput,
  unsupported: exitCodes.badInput,
  shape: exitCodes.failed,
  "non-finite": exitCodes.failed,
  memory: exitCodes.failed,
  disk: exitCodes.failed,
  runtime: exitCodes.failed,
};

/** An error as it is shown: the fields of a `GyrusError`, or one line for what nobody foresaw. */
export interface ShownError {
  readonly kind: ErrorKind | "unexpected";
  readonly what: string;
  readonly where?: string | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  readonly fix?: string | undefined;
}

/** Words and exit code for anything that was thrown. */
export function explainError(thrown: unknown): { readonly error: ShownError; readonly code: ExitCode } {
  const cause = fromCommander(thrown) ?? fromSystem(thrown) ?? thrown;
  if (cause instanceof GyrusError) {
    const { what, where, expected, found, fix } = cause.details;
    return { error: { kind: cause.kind, what, where, expected, found, fix }, code: codeOfKind[cause.kind] };
  }
  const found = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return {
    error: {
      kind: "unexpected",
      what: "something went wrong that Gyrus did not foresee: this is a bug",
      found: found.replace(/\s+/g, " ").trim(),
      fix: "Please report this line with the command you typed, the same command's output with --debug, and what gyrus doctor says",
    },
    code: exitCodes.failed,
  };
}

/** One paragraph for a terminal, in the order: where, what, expected, found, what to do. */
export function errorText({ what, where, expected, found, fix }: ShownError): string {
  const details = { what, where, expected, found, fix };
  return `gyrus: ${new GyrusError("runtime", details).message}`;
}

/** What commander says about a wrong command line, in our form; its suggestion becomes what to do. */
function fromCommander(thrown: unknown): GyrusError | undefined {
  if (!(thrown instanceof CommanderError)) return undefined;
  const [, what = thrown.message, suggestion] =
    /^(?:error: )?([\s\S]*?)\.?\s*(?:\(Did you mean ([\s\S]*?)\?\))?$/.exec(thrown.message) ?? [];
  return new GyrusError("bad-argument", {
    what: what.replace(/'/g, '"'),
    fix: suggestion === undefined ? "See gyrus --help" : `Did you mean "${suggestion}"?`,
  });
}

const systemErrors: Readonly<Record<string, readonly [ErrorKind, what: string, fix: string]>> = {
  ENOSPC: ["disk", "the disk is full", "Free some space and run the command again"],
  EDQUOT: ["disk", "the disk quota is used up", "Free some space and run the command again"],
  EROFS: ["disk", "the disk is read-only", "Write to another folder"],
  EACCES: ["disk", "the file or folder may not be opened", "Check its permissions"],
  EPERM: ["disk", "the file or folder may not be opened", "Check its permissions"],
  ENOENT: ["not-found", "there is no such file or folder", "Check the path"],
  ENOTDIR: ["not-found", "a file stands where a folder is wanted", "Check the path"],
  EISDIR: ["not-found", "a folder stands where a file is wanted", "Check the path"],
  ERR_DLOPEN_FAILED: ["runtime", "a binary of the engine cannot be loaded", "See what gyrus doctor says"],
  EMFILE: ["runtime", "too many files are open", "Raise the limit (ulimit -n) and run the command again"],
};

/** An error of the operating system that no room has put into words. */
function fromSystem(thrown: unknown): GyrusError | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if (
    thrown instanceof RangeError &&
    /allocation failed|invalid array (buffer )?length/i.test(thrown.message)
  )
    return new GyrusError("memory", {
      what: "there is not enough memory",
      found: thrown.message,
      fix: "Close other programs, or work on smaller images or patches",
      cause: thrown,
    });
  if (thrown.name === "AbortError")
    return new GyrusError("runtime", {
      what: "interrupted before it was finished",
      fix: "Give the same command again",
    });
  const { code, path } = thrown as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : systemErrors[code];
  if (known === undefined) return undefined;
  const [kind, what, fix] = known;
  return new GyrusError(kind, { what, where: path, found: code, fix, cause: thrown });
}
