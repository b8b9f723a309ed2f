// The engines to compare with: where they are, and how to start them.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openEngine } from "./child.mjs";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

export const openOurs = (settings) =>
  openEngine(process.execPath, [at("engines/ours.mjs"), "serve"], settings);

/** A peer ready to be opened, or why it is missing. */
export async function findPeer(name, settings, say) {
  return name === "pytorch" ? findPyTorch(settings, say) : findTensorFlowJs(settings, say);
}

let python;

/** The first Python that has PyTorch. */
function pythonWithTorch() {
  const candidates = [process.env.PYTHON, at("peers/venv/bin/python"), "python3"];
  python ??= candidates.find(
    (command) => command && spawnSync(command, ["-c", "import torch"], { stdio: "ignore" }).status === 0,
  );
  return python;
}

/** PyTorch in the memory format that is the faster one for this workload, by a short trial of both. */
async function findPyTorch(settings, say) {
  const command = pythonWithTorch();
  if (command === undefined)
    return { name: "PyTorch", missing: "not found: set PYTHON to a Python that has torch" };
  const open = (format) => openEngine(command, [at("peers/pytorch.py")], { ...settings, format });
  let variant = "contiguous";
  let fastest = Number.POSITIVE_INFINITY;
  for (const format of ["contiguous", "channels_last"]) {
    const seconds = await trial(() => open(format));
    if (seconds < fastest) [variant, fastest] = [format, seconds];
  }
  say(`  PyTorch: ${variant}`);
  return { name: "PyTorch", variant, open: () => open(variant) };
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

async function findTensorFlowJs() {
  if (!existsSync(at("peers/tfjs/engine.mjs"))) return { name: "TensorFlow.js", missing: "not measured" };
  return { name: "TensorFlow.js", missing: "not measured" };
}
