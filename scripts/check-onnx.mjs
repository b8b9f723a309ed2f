// node scripts/check-onnx.mjs MODEL.onnx: run an exported model here and in other ONNX implementations, and compare.
// Needs a Python with onnx, onnxruntime and numpy (environment variable PYTHON, default python3).
// Exit code 0: standard operators only, and all agree within 1e-4.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setup } from "./setup.mjs";

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node scripts/check-onnx.mjs MODEL.onnx");
  process.exit(2);
}
setup();
const { rng } = await import("../dist/core/rng.js");
const { openModel } = await import("../dist/runtime/node.js");

const model = await openModel(readFileSync(file));
const shape = model.inputs.image.shape;
const random = rng(1);
const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
const { probabilities } = await model.run({ image: { dtype: "float32", shape, data } });

const folder = mkdtempSync(join(tmpdir(), "gyrus-onnx-"));
writeFileSync(join(folder, "image.bin"), new Uint8Array(data.buffer));
writeFileSync(join(folder, "probabilities.bin"), new Uint8Array(probabilities.data.buffer));
const shapes = { image: shape, probabilities: probabilities.shape };
writeFileSync(join(folder, "described.json"), JSON.stringify({ model: resolve(file), shapes }));
const script = fileURLToPath(new URL("golden/check_onnx.py", import.meta.url));
const python = spawnSync(process.env.PYTHON ?? "python3", [script, folder], { encoding: "utf8" });
rmSync(folder, { recursive: true });
if (python.status !== 0) {
  console.error(python.stderr || `no Python with onnx and onnxruntime: ${python.error?.message}`);
  process.exit(3);
}
const found = JSON.parse(python.stdout);
console.log(JSON.stringify(found, null, 2));
const standard = found.domains.every((domain) => domain === "" || domain === "ai.onnx");
const close = Object.values(found.largestDifference).every((difference) => difference < 1e-4);
process.exit(standard && close ? 0 : 1);
