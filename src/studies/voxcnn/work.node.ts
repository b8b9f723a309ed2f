import { nodeCpu } from "../../runtime/node.js";
import type { DeepTrial, FoldTrial } from "./plan.js";
import { type TrialResult, type TrialSetup, trialRunner } from "./trial.js";

/** What each thread does: see `openPool`. */
export function start(setup: TrialSetup): (trial: FoldTrial | DeepTrial) => Promise<TrialResult> {
  return trialRunner(setup, nodeCpu);
}
