import { openRunOrFile } from "../open.node.js";
import type { Place } from "../run.js";
import type { SliceNetwork } from "./apply.js";
import { readRun } from "./folder.node.js";
import { networkOfState, openNetworkFile } from "./network.node.js";

/** Open the network of a run folder, or an exported file. Throws `not-found` for a run without a model. */
export function openModelAt(path: string, place?: Place): Promise<SliceNetwork> {
  return openRunOrFile(path, {
    file: (file) => openNetworkFile(file, place),
    record: readRun,
    run: ({ config, model }, state) => networkOfState(config, model, state, place),
  });
}
