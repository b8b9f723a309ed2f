import { fail } from "../core/errors.js";
import { exitCodes } from "./exit.js";
import type { Shell } from "./shell.js";

/**
 * Run `work` with a signal that the first Ctrl-C (or SIGTERM, which schedulers send) aborts, so that it can
 * finish its step and save. A second one ends the process at once; what was saved before stays.
 */
export async function interruptible<T>(
  shell: Shell,
  promise: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.failed);
    controller.abort();
    shell.say(`\n${promise} Press Ctrl-C again to stop at once.`);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    return await work(controller.signal);
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

/** Throws where the signal has been aborted, for work that leaves nothing behind when it is thrown out of. */
export function stopIfAsked(signal: AbortSignal): void {
  if (signal.aborted)
    fail("runtime", { what: "interrupted; nothing was written", fix: "Give the same command again" });
}
