import { type ExitCode, errorText, exitCodes, explainError } from "./exit.js";

/** How a command speaks: results to standard output, everything else to standard error. */
export interface Shell {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  /** Whether a bar may be drawn. */
  readonly terminal: boolean;
  /** A line for a person, on standard error; nothing with --json or --quiet. */
  say(line: string): void;
}

/** What a command has to say at the end. */
export interface Answer {
  /** The result for programs, printed with --json. */
  readonly result: unknown;
  /** The result for people. */
  readonly text: string;
  readonly exit?: ExitCode;
}

/** The options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

export function shellFor({ json = false, quiet = false, debug = false }: CommonOptions): Shell {
  const silent = json || quiet;
  return {
    json,
    quiet,
    debug,
    terminal: !silent && process.stderr.isTTY === true,
    say: (line) => {
      if (!silent) process.stderr.write(`${line}\n`);
    },
  };
}

/** Print an answer: JSON and nothing else with --json, else its text. */
export function printAnswer({ json }: Shell, { result, text }: Answer): void {
  if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else if (text !== "") process.stdout.write(`${text}\n`);
}

/** Print what was thrown on standard error, as text or JSON, and say what to exit with. */
export function printError({ json, debug }: Pick<Shell, "json" | "debug">, thrown: unknown): ExitCode {
  const { error, code } = explainError(thrown);
  const stack = debug && thrown instanceof Error ? thrown : undefined;
  if (json) {
    const trace = stack === undefined ? {} : { stack: stack.stack };
    process.stderr.write(`${JSON.stringify({ error: { ...error, ...trace } })}\n`);
  } else {
    process.stderr.write(`${errorText(error)}\n`);
    if (stack !== undefined) process.stderr.write(`${traces(stack)}\n`);
  }
  return code;
}

/** The stack of an error and of its causes. */
function traces(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\nCaused by: ${traces(error.cause)}` : own;
}

/** Run a command to its end; what it throws becomes words and an exit code. */
export async function answer(shell: Shell, work: () => Promise<Answer>): Promise<ExitCode> {
  try {
    const found = await work();
    printAnswer(shell, found);
    return found.exit ?? exitCodes.done;
  } catch (thrown) {
    return printError(shell, thrown);
  }
}
