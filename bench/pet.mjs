// node bench/pet.mjs: one forward and one back projection of a PET slice at the paper's geometry, and whole
// reconstructions, Gyrus beside scikit-image's radon and iradon, in turns in one run.
//   node bench/pet.mjs [--rounds N] [--json]
// scikit-image has as many bins as the image has pixels along a side. So it is timed twice: at 128 bins, fewer than the
// scanner has, and at 269 pixels and bins, as many as it has. Times are of one thread's processor, which a busy machine
// does not stretch. scikit-image is looked for in the Python of the environment variable PYTHON, then as python3.
import { spawnSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openEngine } from "./child.mjs";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: words } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, json: { type: "boolean", default: false } },
});
const { status } = spawnSync(process.execPath, [at("../scripts/setup.mjs")], { stdio: [0, 2, 2] });
if (status !== 0) process.exit(3);
const { petGeometries } = await import("../dist/sim/pet/geometry.js");
const { buildProjector } = await import("../dist/sim/pet/projector.js");
const { buildScanner } = await import("../dist/sim/pet/scan.js");
const { slicesOfPhantom } = await import("../dist/sim/pet/phantoms.js");
const { precorrected } = await import("../dist/sim/pet/scan.js");
const { reconstructEm } = await import("../dist/reconstruct/em.js");
const { fbp } = await import("../dist/reconstruct/fbp.js");
const { rng } = await import("../dist/core/rng.js");

const geometry = petGeometries.paper;
const projector = buildProjector(geometry);
const [slice] = slicesOfPhantom({ geometry, phantoms: 1, slicesPerPhantom: 1, seed: 1, kinds: ["body"] }, 0);
const scan = buildScanner(geometry).simulate(slice, rng(1), { counts: 5e5 });
const integrals = precorrected(scan);
// Every pixel in view holds something, so that nothing is skipped because it is empty.
const image = projector.back(new Float32Array(integrals.length).fill(1));

const tasks = {
  "forward and back": () => projector.back(projector.forward(image)),
  fbp: () => fbp(integrals, geometry, { projector, window: "hann" }),
  "osem, 2 x 24 subsets": () => reconstructEm(scan, { iterations: 2, subsets: 24, projector }),
};

/** Processor milliseconds of one run. */
function once(task) {
  const before = process.cpuUsage();
  task();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

const python = [process.env.PYTHON, "python3"].find(
  (command) => command && spawnSync(command, ["-c", "import skimage"], { stdio: "ignore" }).status === 0,
);
if (python === undefined) console.error("scikit-image not found: set PYTHON to a Python that has it");
const peer = python && (await openEngine(python, [at("peers/scikit_image.py")], { views: geometry.views }));
const times = new Map();
const note = (name, ms) => times.set(name, [...(times.get(name) ?? []), ms]);
try {
  for (const task of Object.values(tasks)) for (let n = 0; n < 3; n++) task();
  for (let round = 0; round < Number(words.rounds); round++) {
    for (const [name, task] of Object.entries(tasks)) for (let n = 0; n < 3; n++) note(name, once(task));
    if (peer)
      for (const size of [128, 269]) {
        const { forward, back } = await peer.ask(`${size}`);
        note(`scikit-image, ${size} bins`, 1000 * (forward + back));
      }
    await pause(30);
  }
} finally {
  await peer?.close();
}
const pair = median(times.get("forward and back"));
const rows = [...times].map(([name, all]) => ({
  name,
  milliseconds: median(all),
  ...(name.startsWith("scikit") ? { timesOurs: median(all) / pair } : {}),
}));
const line = ({ name, milliseconds, timesOurs }) =>
  `${name.padEnd(26)}${milliseconds.toFixed(1).padStart(9)} ms${timesOurs ? `   ${timesOurs.toFixed(1)} times our pair` : ""}`;
console.log(words.json ? JSON.stringify({ rows }, null, 2) : rows.map(line).join("\n"));
