/** What kind of thing went wrong. The command line maps kinds to exit codes: see `cli/exit.ts`. */
export type ErrorKind =
  | "not-found" // a file, folder, system, preset or column that is not there
  | "bad-file" // a file whose bytes are not what its format says
  | "bad-data" // readable data that cannot be used: NaN, constant, fractional labels, one subject
  | "geometry" // grids, spacings, orientations that disagree
  | "bad-argument" // an option or a value out of range
  | "shape" // tensor shapes or dtypes that do not fit an op
  | "exists" // something in the way that would be overwritten
  | "non-finite" // a loss, gradient or prediction that became NaN or infinite
  | "memory" // more memory than there is
  | "disk" // a write that could not be completed
  | "runtime" // the engine refused or failed
  | "unsupported"; // known, and not possible on this target or platform

export interface ErrorDetails {
  /** One sentence, no full stop: what went wrong. */
  readonly what: string;
  /** File, case, parameter or the source line that built a node. */
  readonly where?: string | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  /** What the reader can do about it: one sentence. */
  readonly fix?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The one error that Gyrus throws on purpose: it says what, where, what was expected, what was found and what
 * to do. The message is one paragraph made of these fields; the fields stay readable for programs.
 */
export class GyrusError extends Error {
  readonly kind: ErrorKind;
  readonly details: ErrorDetails;

  constructor(kind: ErrorKind, details: ErrorDetails) {
    super(sentence(details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "GyrusError";
    this.kind = kind;
    this.details = details;
  }
}

function sentence({ what, where, expected, found, fix }: ErrorDetails): string {
  const parts = [where === undefined ? `${what}.` : `${where}: ${what}.`];
  if (expected !== undefined) parts.push(`Expected ${expected}.`);
  if (found !== undefined) parts.push(`Found ${found}.`);
  if (fix !== undefined) parts.push(/[.?!]$/.test(fix) ? fix : `${fix}.`);
  return parts.join(" ");
}

/** `new GyrusError(kind, details)`, as a function so that it can stand in an expression. */
export function fail(kind: ErrorKind, details: ErrorDetails): never {
  throw new GyrusError(kind, details);
}
