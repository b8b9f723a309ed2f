// What a JavaScript engine under measurement does: answer lines on standard input with lines of JSON.
//   first line     the configuration as JSON          → what the engine is: version, parameters, seconds to open
//   "check N"      N steps, not measured              → { losses } of training, { output } path of a prediction
//   "steps N"      N steps                            → seconds of each
//   "memory"       peak resident memory so far        → { peakBytes }
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** The most memory that this process has ever had resident. */
export function peakBytes() {
  if (process.platform === "linux")
    return 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
  return process.resourceUsage().maxRSS * 1024;
}

/** Seconds of one call: of the wall, or of all the process's threads together. */
export async function timed(call, cpuTime) {
  const began = cpuTime ? process.cpuUsage() : performance.now();
  await call();
  if (!cpuTime) return (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

/** Serve until standard input ends. `open` gives `{ about, step }`; a step resolves to its loss or its output. */
export async function serve(open) {
  let engine;
  let settings;
  const answer = {
    check: async (count) => {
      const results = [];
      for (let n = 0; n < count; n++) results.push(await engine.step());
      if (settings.kind === "train") return { losses: results };
      writeFileSync(settings.output, new Uint8Array(new Float32Array(results.at(-1)).buffer));
      return { output: settings.output };
    },
    steps: async (count) => {
      const seconds = [];
      for (let n = 0; n < count; n++) seconds.push(await timed(engine.step, settings.cpuTime));
      return seconds;
    },
    memory: () => ({ peakBytes: peakBytes() }),
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await reactTo(line).catch((error) => ({ error: String(error.message).split("\n")[0] }));
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
  process.exit(0);

  async function reactTo(line) {
    if (engine === undefined) {
      settings = JSON.parse(line);
      engine = await open(settings);
      return engine.about;
    }
    const [command, count] = line.split(" ");
    return answer[command](Number(count));
  }
}
