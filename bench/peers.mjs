// The engines to compare with: where they are, and how to start them.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openEngine } from "./child.mjs";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

export const openOurs = (settings) =>
  openEngine(process.execPath, [at("engines/ours.mjs"), "serve"], settings);

/** A peer ready to be opened, or why it is missing. */
export async function findPeer(name, settings, run) {
  return name === "pytorch" ? findPyTorch(settings, run) : findTensorFlowJs(settings, run);
}

const venvPython = at(`peers/venv/${process.platform === "win32" ? "Scripts/python.exe" : "bin/python"}`);
let python;
let torchMissing;

/** The first Python that has PyTorch. */
function pythonWithTorch() {
  const candidates = [process.env.PYTHON, venvPython, "python3"];
  python ??= candidates.find(
    (command) => command && spawnSync(command, ["-c", "import torch"], { stdio: "ignore" }).status === 0,
  );
  return python;
}

/** Put the newest PyTorch of pip into bench/peers/venv; why that failed, or undefined. */
function installPyTorch(say) {
  say("  installing PyTorch into bench/peers/venv …");
  const folder = at("peers/venv");
  const steps = [
    [process.env.PYTHON ?? "python3", ["-m", "venv", folder]],
    [venvPython, ["-m", "pip", "install", "--quiet", "torch"]],
  ];
  for (const [command, words] of steps) {
    const { status, stderr, error } = spawnSync(command, words, { encoding: "utf8" });
    const said = error?.message ?? stderr.trim().split("\n").at(-1);
    if (status !== 0) return `cannot be installed: ${said || `${command} ended with ${status}`}`;
  }
  return undefined;
}

/** PyTorch in the memory format that is the faster one for this workload, by a short trial of both. */
async function findPyTorch(settings, { say, install }) {
  const name = "PyTorch";
  if (install && pythonWithTorch() === undefined) torchMissing ??= installPyTorch(say);
  const command = pythonWithTorch();
  const fix = "not found: set PYTHON to a Python that has torch, or let --install fetch it";
  if (command === undefined) return { name, missing: torchMissing ?? fix };
  const open = (format) => openEngine(command, [at("peers/pytorch.py")], { ...settings, format });
  let variant = "contiguous";
  let fastest = Number.POSITIVE_INFINITY;
  for (const format of ["contiguous", "channels_last"]) {
    const seconds = await trial(() => open(format));
    if (seconds < fastest) [variant, fastest] = [format, seconds];
  }
  say(`  PyTorch: ${variant}`);
  return { name, variant, open: () => open(variant) };
}

/** The fastest of a few steps after the first; infinite when the engine fails. */
async function trial(open) {
  let engine;
  try {
    engine = await open();
    await engine.ask("steps 1");
    const [one] = await engine.ask("steps 1");
    const more = await engine.ask(`steps ${Math.max(2, Math.min(10, Math.round(0.5 / one)))}`);
    return Math.min(one, ...more);
  } catch {
    return Number.POSITIVE_INFINITY;
  } finally {
    await engine?.close();
  }
}

const tfjsFolder = at("peers/tfjs/");
let tfjsMissing;

/** Install TensorFlow.js beside its script where it is missing; why it could not be, or undefined. */
function installTensorFlowJs(say) {
  if (existsSync(`${tfjsFolder}node_modules/@tensorflow/tfjs-backend-wasm/package.json`)) return undefined;
  say("  installing TensorFlow.js into bench/peers/tfjs …");
  const words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const own = process.env.npm_execpath;
  const windows = process.platform === "win32";
  const { status, stderr, error } = own?.endsWith("js")
    ? spawnSync(process.execPath, [own, ...words], { cwd: tfjsFolder, encoding: "utf8" })
    : spawnSync(windows ? "npm.cmd" : "npm", words, { cwd: tfjsFolder, encoding: "utf8", shell: windows });
  if (status === 0) return undefined;
  const reason = /^npm (?:error|ERR!) (.*)$/m.exec(stderr ?? "")?.[1] ?? error?.message ?? "npm failed";
  return `cannot be installed: ${reason}`;
}

/** TensorFlow.js: its script chooses the back end that has the kernels. Its steps have a limit. */
async function findTensorFlowJs(settings, { say, limitSeconds }) {
  const name = "TensorFlow.js";
  if (settings.device !== "cpu") return { name, missing: "is measured on the cpu only" };
  tfjsMissing ??= installTensorFlowJs(say) ?? "";
  if (tfjsMissing !== "") return { name, missing: tfjsMissing };
  const open = () => openEngine(process.execPath, [`${tfjsFolder}engine.mjs`], settings);
  return { name, mayFail: true, open, limitSeconds };
}
