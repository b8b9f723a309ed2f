import { stat } from "node:fs/promises";
import { fail } from "../core/errors.js";
import type { State } from "../train/loop.js";
import { bestCheckpoint, paths } from "./run-folder.node.js";

/**
 * Open the network of a run folder by its best weights, or where there is no checkpoint any more by its `model.onnx`; or
 * an exported file. Throws `not-found` for a run without a model.
 */
export async function openRunOrFile<N, R>(
  path: string,
  {
    file,
    record,
    run,
  }: {
    readonly file: (path: string) => Promise<N>;
    /** The run's record; throws for a folder that is no run. */
    readonly record: (dir: string) => Promise<R>;
    readonly run: (record: R, state: State) => Promise<N>;
  },
): Promise<N> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return file(path);
  const found = await record(path);
  if ((await stat(paths.model(path)).catch(() => undefined)) === undefined)
    fail("not-found", {
      what: "the run has no model yet",
      where: paths.model(path),
      fix: "Let the training end (gyrus train … --resume), or write what there is with gyrus export",
    });
  const checkpoint = await bestCheckpoint(path).catch(() => undefined);
  return checkpoint === undefined ? file(paths.model(path)) : run(found, checkpoint.state);
}
