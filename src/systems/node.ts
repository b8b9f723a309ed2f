import { GyrusError } from "../core/errors.js";
import { readMetadata } from "../graph/onnx/model.js";
import { type FileEntry, folderOf, joinPath } from "../io/files.js";
import { nodeFiles } from "../io/node.js";
import { findSystem } from "./find.js";
import type { System } from "./system.js";

/** Records that say which system made a folder: a run, an experiment of many runs, an exported predictor. */
const records = ["run.json", "experiment.json", "predictor.json"];

/**
 * The system that a folder or an exported `.onnx` file belongs to: what its `run.json`, `experiment.json` or
 * `predictor.json`, or its metadata under the key "gyrus", says. A folder of folds belongs to the experiment that it lies
 * in. Throws `not-found` or `bad-file`.
 */
export async function systemOf(model: string): Promise<System> {
  const entries = await nodeFiles.list(model);
  if (entries === undefined) return findSystem(systemIn(await modelRecord(model), model));
  const where = recordIn(model, entries);
  return findSystem(systemIn(new TextDecoder().decode(await nodeFiles.read(where)), where));
}

function recordIn(folder: string, entries: readonly FileEntry[]): string {
  const record = records.find((name) => entries.some((entry) => entry.name === name));
  if (record !== undefined) return joinPath(folder, record);
  if (entries.some((entry) => entry.folder && /^fold-\d+$/.test(entry.name)))
    return joinPath(folderOf(folder.replace(/[\\/]+$/, "")), "experiment.json");
  throw new GyrusError("not-found", {
    what: "this folder is not a run",
    where: folder,
    expected: "a folder with a run.json, as gyrus train makes it",
    found: "no readable run.json",
    fix: "Give the folder that was --out of gyrus train",
  });
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
