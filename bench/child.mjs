// One engine under measurement, in a process of its own: its memory is its own, and it cannot hold the others up.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** What an engine had to say instead of an answer. */
export class EngineError extends Error {}

/**
 * Start an engine and hand it its settings. Resolves to what it says about itself, with `ask` and `close`;
 * throws `EngineError` with its reason when it cannot be started or cannot do the work.
 */
export async function openEngine(command, words, settings, limitSeconds = 600) {
  const child = spawn(command, words, { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  let failure;
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said = (said + text).slice(-2000);
  });
  child.on("error", (error) => {
    failure = error.message;
  });
  child.stdin.on("error", () => undefined);
  const ended = new Promise((resolve) => child.on("close", resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  const ask = async (question, seconds = limitSeconds) => {
    child.stdin.write(`${question}\n`);
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(() => resolve({ late: true }), 1000 * seconds);
    });
    const { value, done, late: isLate } = await Promise.race([lines.next(), late]);
    clearTimeout(timer);
    if (isLate) {
      child.kill("SIGKILL");
      throw Object.assign(new EngineError(`no answer within ${seconds} s`), { seconds });
    }
    if (done) {
      await ended;
      const last = said.trim().split("\n").at(-1);
      throw new EngineError(failure ?? (last || `the process ended (${child.signalCode ?? child.exitCode})`));
    }
    const answer = JSON.parse(value);
    if (answer.error !== undefined) throw new EngineError(answer.error);
    return answer;
  };
  const close = () => {
    child.stdin.end();
    child.kill("SIGKILL");
    return ended;
  };
  try {
    return { about: await ask(JSON.stringify(settings)), ask, close };
  } catch (error) {
    await close();
    throw error;
  }
}
