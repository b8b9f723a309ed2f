// node bench/export.mjs [--out DIR] [--only a,b]: write every workload's network as a standard .onnx file with its
// weights inside, run it in a plain ONNX Runtime from Python, and compare with Gyrus.
// Needs a Python with onnx, onnxruntime and numpy (environment variable PYTHON, default python3).
// Exit code 0: standard operators only, and all agree within 1e-4 of the largest value; 1: not; 3: could not be run.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setup } from "../scripts/setup.mjs";

setup();
const { rng } = await import("../dist/core/rng.js");
const { encodeModel } = await import("../dist/graph/onnx/model.js");
const { lower } = await import("../dist/lower/lower.js");
const { portable } = await import("../dist/lower/portable.js");
const { nodeCpu } = await import("../dist/runtime/node.js");
const { drawBatch } = await import("./data.mjs");
const { buildInference, buildTraining, unevenState, workloads } = await import("./networks.mjs");

const { values } = parseArgs({ options: { out: { type: "string" }, only: { type: "string" } } });
const chosen = values.only?.split(",") ?? Object.keys(workloads);
const stray = chosen.find((id) => !(id in workloads));
if (stray !== undefined) {
  console.error(`--only ${stray}: choose from ${Object.keys(workloads).join(", ")}`);
  process.exit(2);
}
const folder = values.out ? resolve(values.out) : mkdtempSync(join(tmpdir(), "gyrus-onnx-"));
mkdirSync(folder, { recursive: true });

const described = [];
for (const id of chosen) described.push(await exportOne(id));
writeFileSync(join(folder, "described.json"), JSON.stringify(described));
const script = fileURLToPath(new URL("peers/check_onnx.py", import.meta.url));
const python = spawnSync(process.env.PYTHON ?? "python3", [script, folder], { encoding: "utf8" });
if (values.out === undefined) rmSync(folder, { recursive: true });
if (python.status !== 0) {
  console.error(python.stderr || `no Python with onnx and onnxruntime: ${python.error?.message}`);
  process.exit(3);
}
const found = JSON.parse(python.stdout);
for (const { id, runtime, largestDifference, domains, nodes } of found)
  console.log(
    `${id}  ${runtime}: largest difference ${largestDifference.toExponential(1)} of the largest value, ` +
      `${nodes} nodes of ${domains.map((domain) => domain || "ai.onnx").join(", ")}`,
  );
const good = found.every(
  ({ domains, largestDifference }) => domains.every((domain) => domain === "") && largestDifference <= 1e-4,
);
process.exit(good ? 0 : 1);

/** Write `<id>.onnx`, the image that it is fed and what Gyrus makes of it with its own spelling for the CPU. */
async function exportOne(id) {
  const workload = workloads[id];
  const random = rng("bench");
  const weights = unevenState(buildTraining(workload), random.split("state"));
  const { program } = buildInference(workload);
  const used = Object.fromEntries(Object.entries(weights).filter(([name]) => name in program.inputs));
  const shape = workload.image;
  const batch = drawBatch(workload, random);
  const { data } = batch["batch/image"] ?? batch["batch/real"];
  const executable = await nodeCpu.compile(lower(program, await nodeCpu.target(), used), { threads: 2 });
  const { output } = await executable.run({ image: { dtype: "float32", shape, data } });
  await executable.dispose();
  const write = (name, array) =>
    writeFileSync(join(folder, name), new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  write(`${id}.onnx`, encodeModel(lower(program, portable, used).model));
  write(`${id}-image.bin`, data);
  write(`${id}-output.bin`, output.data);
  return { id, image: shape, output: output.shape };
}
