import { nodeCpu } from "../../runtime/node.js";
import { type Trial, type TrialResult, type TrialSetup, trialRunner } from "./trial.js";

/** What each thread does: see `openPool`. */
export function start(setup: TrialSetup): (trial: Trial) => Promise<TrialResult> {
  return trialRunner(setup, nodeCpu);
}
