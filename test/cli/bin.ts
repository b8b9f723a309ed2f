import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const repository = new URL("../../", import.meta.url);
export const gyrusBin = fileURLToPath(new URL("dist/cli/main.js", repository));

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Compile what has changed: the tests run what users run. */
export async function built(): Promise<void> {
  const { code, out, err } = await start([fileURLToPath(new URL("scripts/setup.mjs", repository))], ".")
    .finished;
  if (code !== 0) throw new Error(`the command line could not be built:\n${out}${err}`);
}

/** Run `gyrus` with these words in a folder, as a user would, with its output piped. */
export function gyrus(words: readonly string[], folder: string): Promise<Finished> {
  return starting(words, folder).finished;
}

/** Start `gyrus` and do not wait: the process, and what it will have said. */
export function starting(words: readonly string[], folder: string): Started {
  return start([gyrusBin, ...words], folder);
}

export interface Started {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly finished: Promise<Finished>;
}

function start(words: readonly string[], cwd: string): Started {
  const child = spawn(process.execPath, words, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    texts.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    texts.err += text;
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...texts }));
  });
  return { child, finished };
}
