// npm run bench: whole training steps and predictions, Gyrus beside PyTorch and TensorFlow.js, in turns in one run.
//   npm run bench -- [--only a,b] [--kind train|infer] [--peers pytorch,tfjs] [--rounds N] [--threads N]
//                    [--device cpu|webgpu|cuda] [--install] [--cpu-time] [--quick] [--json]
// Every engine gets the same weights and the same batch, and its first losses (or its prediction) have to agree with
// ours. PyTorch is looked for in the environment variable PYTHON, then in bench/peers/venv, where --install puts it by
// pip when there is none, then as python3. TensorFlow.js is installed into bench/peers/tfjs by npm.
// Exit code 0; 1 when an engine disagreed or failed; 2 for wrong words or an absent device.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

function refuse(reason) {
  console.error(reason);
  process.exit(2);
}

function wordsOf() {
  try {
    return parseArgs({
      options: {
        only: { type: "string" },
        kind: { type: "string" },
        peers: { type: "string", default: "pytorch,tfjs" },
        rounds: { type: "string" },
        threads: { type: "string", default: "2" },
        device: { type: "string", default: "cpu" },
        "cpu-time": { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        install: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    refuse(error.message);
  }
}

/** A comma-separated choice among known words; all of them by default. */
function choose(name, given, known) {
  const chosen = given === undefined ? known : given.split(",").filter((word) => word !== "");
  const stray = chosen.find((word) => !known.includes(word));
  if (stray !== undefined) refuse(`--${name} ${stray}: choose from ${known.join(", ")}`);
  return chosen;
}

function positive(name, given) {
  const count = Number(given);
  if (!Number.isInteger(count) || count < 1) refuse(`--${name} ${given}: a whole number of at least 1`);
  return count;
}

/** The row of a workload that our own side could not run. */
function failed(id, kind, error) {
  const nothing = { ours: null, theirs: null, ratio: null, memoryRatio: null };
  return { workload: id, kind, peer: null, ...nothing, error: `ours: ${error.message}` };
}

const words = wordsOf();
// Compiled first; its words go to standard error, so that --json prints JSON and nothing else.
const { status } = spawnSync(process.execPath, [at("../scripts/setup.mjs")], { stdio: [0, 2, 2] });
if (status !== 0) process.exit(3);
const { workloads, predicts } = await import("./networks.mjs");
const { engineOn } = await import("../dist/runtime/devices.node.js");
const { devices } = await import("../dist/runtime/engine.js");
const { measure } = await import("./measure.mjs");
const { table } = await import("./table.mjs");

const [device, ...others] = choose("device", words.device, devices);
if (device === undefined || others.length > 0) refuse(`--device: one of ${devices.join(", ")}`);
await engineOn(device).catch((error) => refuse(error.message));
const settings = {
  threads: words["cpu-time"] ? 1 : positive("threads", words.threads),
  rounds: positive("rounds", words.rounds ?? (words.quick ? 2 : 7)),
  secondsPerTurn: words.quick ? 0.2 : 1,
  // Enough for every step that is not a hundred times slower than ours.
  secondsOverdrawn: 8,
  limitSeconds: words.quick ? 15 : 60,
  cpuTime: words["cpu-time"],
  peers: choose("peers", words.peers, ["pytorch", "tfjs"]),
  device,
  install: words.install,
  say: (text) => console.error(text),
};
const kinds = choose("kind", words.kind, ["train", "infer"]);
const rows = [];
for (const id of choose("only", words.only, Object.keys(workloads)))
  for (const kind of kinds)
    if (kind === "train" || predicts(workloads[id]))
      rows.push(...(await measure(id, kind, settings).catch((error) => [failed(id, kind, error)])));

console.log(words.json ? JSON.stringify({ rows }, null, 2) : table(rows, workloads));
process.exitCode = rows.some((row) => row.error !== undefined) ? 1 : 0;
