import { GyrusError } from "../core/errors.js";
import { readMetadata } from "../graph/onnx/model.js";
import { joinPath } from "../io/files.js";
import { nodeFiles } from "../io/node.js";
import { findSystem } from "./find.js";
import type { System } from "./system.js";

/**
 * The system that a run folder or an exported `.onnx` file belongs to: what its `run.json`, or its metadata under
 * the key "gyrus", says. Throws `not-found` or `bad-file`.
 */
export async function systemOf(model: string): Promise<System> {
  const isFolder = (await nodeFiles.list(model)) !== undefined;
  const where = isFolder ? joinPath(model, "run.json") : model;
  const text = isFolder ? await runRecord(model, where) : await modelRecord(model);
  return findSystem(systemIn(text, where));
}

async function runRecord(run: string, path: string): Promise<string> {
  const bytes = await nodeFiles.read(path).catch((cause: unknown) => {
    if (!(cause instanceof GyrusError && cause.kind === "not-found")) throw cause;
    throw new GyrusError("not-found", {
      what: "this folder is not a run",
      where: run,
      expected: "a folder with a run.json, as gyrus train makes it",
      found: "no readable run.json",
      fix: "Give the folder that was --out of gyrus train",
      cause,
    });
  });
  return new TextDecoder().decode(bytes);
}

async function modelRecord(path: string): Promise<string> {
  const metadata = readMetadata(await nodeFiles.read(path), path);
  const record = metadata.gyrus;
  if (record !== undefined) return record;
  throw new GyrusError("unsupported", {
    what: "this ONNX model does not say how its images are prepared",
    where: path,
    expected: 'a model with metadata under the key "gyrus"',
    found: `${Object.keys(metadata).length} other entries`,
    fix: "Give a file that gyrus export has written, or a run folder",
  });
}

function systemIn(text: string, where: string): string {
  try {
    const record: unknown = JSON.parse(text);
    const named = typeof record === "object" && record !== null && "system" in record && record.system;
    if (typeof named === "string") return named;
    throw new Error('no text under "system"');
  } catch (cause) {
    throw new GyrusError("bad-file", {
      what: "the record of the system cannot be read",
      where,
      expected: 'JSON with the name of a system under "system"',
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "Use a run folder or a model as gyrus wrote it",
      cause,
    });
  }
}
