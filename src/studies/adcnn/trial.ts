import type { Engine } from "../../runtime/engine.js";
import { runAudit } from "./audits.js";
import type { TrialSetup } from "./data.js";
import { runLinear, runLooks, runSelection } from "./linear.js";
import { runNetwork } from "./network.js";
import type { Trial } from "./plan.js";
import { runSlices } from "./slices.js";

/** What runs trials on an engine, on one thread. */
export function trialRunner(setup: TrialSetup, engine: Engine): (trial: Trial) => Promise<unknown> {
  const bench = { engine, stopped: (): boolean => Atomics.load(setup.stop, 0) !== 0 };
  return async (trial) => {
    switch (trial.kind) {
      case "network":
        return runNetwork(trial.network, trial.fold, setup, bench);
      case "slices":
        return runSlices(trial, setup, bench);
      case "audit":
        return runAudit(trial, setup);
      case "linear":
        return runLinear(setup);
      case "selection":
        return runSelection(setup);
      case "looks":
        return runLooks(setup);
    }
  };
}
