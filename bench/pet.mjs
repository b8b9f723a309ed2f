// node bench/pet.mjs: one forward and one back projection of a PET slice at the paper's geometry, and whole
// reconstructions, Gyrus beside scikit-image's radon and iradon and the ASTRA toolbox's projectors, in turns in one run.
//   node bench/pet.mjs [--rounds N] [--json]
// scikit-image has as many bins as the image has pixels along a side. So there are two comparisons: at its own geometry
// (128 bins and 128 pixels a side, which Gyrus takes too), and at 269 of both, as many bins as the paper's scanner has.
// ASTRA takes the paper's geometry as it is; its strip projector has the same model as ours. Times are of one thread's
// processor, which a busy machine does not stretch. Peers are looked for in the Python of the environment variable
// PYTHON, then as python3.
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
const { geometryOver, petGeometries } = await import("../dist/sim/pet/geometry.js");
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

const native = buildProjector(geometryOver(700, { views: geometry.views, bins: 128, imageSize: 128 }));
const wide = buildProjector(geometryOver(700, { views: geometry.views, bins: 269, imageSize: 269 }));
const wideImage = wide.back(new Float32Array(geometry.views * 269).fill(1));

const tasks = {
  "pair, 128 bins, 128²": () => native.back(native.forward(image)),
  "pair, 269 bins, 269²": () => wide.back(wide.forward(wideImage)),
  "pair, the paper's": () => projector.back(projector.forward(image)),
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

const pythons = [process.env.PYTHON, "python3"].filter((command) => command);
const having = (module) =>
  pythons.find((command) => spawnSync(command, ["-c", `import ${module}`], { stdio: "ignore" }).status === 0);

/** A peer in a process of its own, or nothing where no Python has it. */
async function open(module, script) {
  const python = having(module);
  if (python === undefined) console.error(`${module} not found: set PYTHON to a Python that has it`);
  return python && (await openEngine(python, [at(script)], geometry));
}
const scikit = await open("skimage", "peers/scikit_image.py");
const astra = await open("astra", "peers/astra_toolbox.py");
const times = new Map();
const note = (name, ms) => times.set(name, [...(times.get(name) ?? []), ms]);
try {
  for (const task of Object.values(tasks)) for (let n = 0; n < 3; n++) task();
  for (let round = 0; round < Number(words.rounds); round++) {
    for (const [name, task] of Object.entries(tasks)) for (let n = 0; n < 3; n++) note(name, once(task));
    const peers = [
      ["scikit-image, 128 bins, 128²", scikit, "128"],
      ["scikit-image, 269 bins, 269²", scikit, "269"],
      ["ASTRA strip, the paper's", astra, "strip"],
      ["ASTRA linear, the paper's", astra, "linear"],
    ];
    for (const [name, peer, question] of peers.filter(([, peer]) => peer)) {
      const { forward, back } = await peer.ask(question);
      note(name, 1000 * (forward + back));
    }
    await pause(30);
  }
} finally {
  await scikit?.close();
  await astra?.close();
}
const own = [
  ["128²", "pair, 128 bins, 128²"],
  ["269²", "pair, 269 bins, 269²"],
  ["paper's", "pair, the paper's"],
];
const rows = [...times].map(([name, all]) => {
  const ours = /^(scikit|ASTRA)/.test(name) ? own.find(([ending]) => name.endsWith(ending))[1] : undefined;
  return {
    name,
    milliseconds: median(all),
    ...(ours ? { timesOurs: median(all) / median(times.get(ours)) } : {}),
  };
});
const line = ({ name, milliseconds, timesOurs }) =>
  `${name.padEnd(30)}${milliseconds.toFixed(1).padStart(9)} ms${timesOurs ? `   ${timesOurs.toFixed(1)} times ours at the same geometry` : ""}`;
console.log(words.json ? JSON.stringify({ rows }, null, 2) : rows.map(line).join("\n"));
