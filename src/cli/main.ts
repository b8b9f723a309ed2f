#!/usr/bin/env node
import { CommanderError } from "commander";
import { type ExitCode, exitCodes } from "./exit.js";
import { gyrusProgram } from "./program.js";
import { printError } from "./shell.js";

/** Parse and run one command line; the number to exit with. */
async function run(words: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = exitCodes.done;
  const program = gyrusProgram((finished) => {
    code = finished;
  });
  try {
    await program.parseAsync([...words], { from: "user" });
    return code;
  } catch (thrown) {
    // Help and version were asked for and have been printed; a bare "gyrus" prints its help as an error.
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return exitCodes.done;
    if (thrown instanceof CommanderError && thrown.code === "commander.help") return exitCodes.badInput;
    return printError({ json: words.includes("--json"), debug: words.includes("--debug") }, thrown);
  }
}

// `gyrus list | head -1` closes the pipe early: that is the reader's choice, not a failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.done);
  throw error;
});

process.exitCode = await run(process.argv.slice(2));
