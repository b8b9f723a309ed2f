import { GyrusError } from "../../../core/errors.js";

/** A piece of work and the memory that it takes while it runs. */
export interface Piece<T> {
  readonly task: T;
  readonly bytes: number;
  readonly name: string;
}

export interface Limits {
  /** Pieces that run at a time. */
  readonly most: number;
  /** Bytes of all that run together. */
  readonly bytes: number;
  readonly signal?: AbortSignal;
  /** The most memory that the process, threads included, has held: said of work that stops. */
  readonly peakBytes?: () => number;
}

/**
 * Run pieces in their order, as many at a time as threads and memory allow; results come in the order of the pieces.
 * Asked to stop, or after the first error, nothing more is begun, what runs is waited for. Throws `memory` before
 * anything runs for a piece that does not fit alone; an error of the pieces as it was, the earliest piece's first.
 */
export async function runWithin<T, R>(
  pieces: readonly Piece<T>[],
  run: (task: T) => Promise<R>,
  { most, bytes, signal, peakBytes }: Limits,
  onDone: (done: number, name: string) => void = () => {},
): Promise<R[]> {
  requireFit(pieces, bytes);
  const results = new Array<R>(pieces.length);
  const failures = new Map<number, unknown>();
  const running = new Set<Promise<void>>();
  let [taken, done] = [0, 0];
  const begin = (piece: Piece<T>, at: number): void => {
    taken += piece.bytes;
    const work = run(piece.task)
      .then((result) => {
        results[at] = result;
        onDone(++done, piece.name);
      })
      .catch((error: unknown) => {
        failures.set(at, explained(error, piece, peakBytes?.()));
      })
      .finally(() => {
        taken -= piece.bytes;
        running.delete(work);
      });
    running.add(work);
  };
  for (const [at, piece] of pieces.entries()) {
    while (running.size > 0 && (running.size >= most || taken + piece.bytes > bytes))
      await Promise.race(running);
    if (failures.size > 0 || signal?.aborted) break;
    begin(piece, at);
  }
  await Promise.all(running);
  if (failures.size > 0) throw failures.get(Math.min(...failures.keys()));
  signal?.throwIfAborted();
  return results;
}

function requireFit<T>(pieces: readonly Piece<T>[], bytes: number): void {
  const largest = pieces.reduce<Piece<T> | undefined>(
    (most, piece) => (most === undefined || piece.bytes > most.bytes ? piece : most),
    undefined,
  );
  if (largest === undefined || largest.bytes <= bytes) return;
  throw new GyrusError("memory", {
    what: "one case alone does not fit the memory that there is",
    where: largest.name,
    expected: `at most ${gigabytes(bytes)}`,
    found: `an estimate of ${gigabytes(largest.bytes)}`,
    fix: "Close other programs, use a machine with more memory, or crop this scan",
  });
}

/** A thread that stopped says which case it had and why, instead of that it is no longer alive. */
function explained<T>(error: unknown, { name, bytes }: Piece<T>, peak: number | undefined): unknown {
  if (error instanceof GyrusError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const memory = /memory|allocation|heap/i.test(message);
  return new GyrusError(memory ? "memory" : "runtime", {
    what: "the work on a case stopped",
    where: name,
    ...(memory ? { expected: `about ${gigabytes(bytes)} for it, by the estimate` } : {}),
    found: peak === undefined ? message : `${message}; the process had held ${gigabytes(peak)} at its peak`,
    fix: memory
      ? "Run this again with --workers 1; cases that are done are kept"
      : "Run this again; cases that are done are kept. If it happens again, please report it",
    cause: error,
  });
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 2 : 1)} GiB`;
}
