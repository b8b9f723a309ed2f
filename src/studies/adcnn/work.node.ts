import { nodeCpu } from "../../runtime/node.js";
import type { TrialSetup } from "./data.js";
import type { Trial } from "./plan.js";
import { trialRunner } from "./trial.js";

/** What each thread does: see `openPool`. */
export function start(setup: TrialSetup): (trial: Trial) => Promise<unknown> {
  return trialRunner(setup, nodeCpu);
}
