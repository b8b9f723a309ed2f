import { stat } from "node:fs/promises";
import { fail } from "../../core/errors.js";
import type { Place } from "../run.js";
import { bestCheckpoint, paths } from "../run-folder.node.js";
import type { SliceNetwork } from "./apply.js";
import { readRun } from "./folder.node.js";
import { networkOfState, openNetworkFile } from "./network.node.js";

/** Open the network of a run folder, or an exported file. Throws `not-found` for a run without a model. */
export async function openModelAt(path: string, place?: Place): Promise<SliceNetwork> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return openNetworkFile(path, place);
  const { config, model } = await readRun(path);
  if ((await stat(paths.model(path)).catch(() => undefined)) === undefined)
    fail("not-found", {
      what: "the run has no model yet",
      where: paths.model(path),
      fix: "Let the training end (gyrus train … --resume), or write what there is with gyrus export",
    });
  const checkpoint = await bestCheckpoint(path).catch(() => undefined);
  if (checkpoint === undefined) return openNetworkFile(paths.model(path), place);
  return networkOfState(config, model, checkpoint.state, place);
}
