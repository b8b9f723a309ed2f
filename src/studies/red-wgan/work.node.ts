import { denoise } from "../../denoise/denoise.js";
import { partThread } from "../parts.node.js";
import { trainJudge } from "./features.node.js";
import { judge } from "./judge.node.js";
import { classicMethods, networks, partIds } from "./plan.js";
import type { Judged } from "./score.js";
import { runOf, type StudySetup, train } from "./train.node.js";
import { judgedOf, realTrials, simulatedTrials, type Trial } from "./trial.js";

/** What each thread does: see `openParts`. */
export const start = partThread<StudySetup>((setup, signal) => {
  const { test, folder, seed } = setup;
  return async (id) => {
    if (id === partIds.features) return trainJudge(setup, signal);
    if (id === partIds.common) return train("common", setup, signal);
    if (id === partIds.realClassic) return classic(realTrials(test, seed));
    const head = test.simulated.findIndex((_, n) => partIds.classic(n) === id);
    if (head >= 0) return classic(simulatedTrials(test, head, seed));
    for (const name of [...networks, "real"] as const) {
      if (id === partIds.train(name)) return train(name, setup, signal);
      if (id === partIds.realJudge(name))
        return name === "real" && setup.real.training.length === 0
          ? []
          : judge(name, runOf(folder, name), realTrials(test, seed), signal);
      if (id === partIds.judge(name)) {
        const trials = test.simulated.flatMap((_, n) => simulatedTrials(test, n, seed));
        return judge(name, runOf(folder, name), trials, signal);
      }
    }
    throw new RangeError(`no part ${id}`);
  };
});

/** Every classic method on every trial, the noise known to it. */
async function classic(trials: readonly Trial[]): Promise<Judged[]> {
  const found: Judged[] = [];
  for (const trial of trials) {
    const { image, sigma } = trial.scan();
    if (trial.shown) found.push(judgedOf(trial, "clean", trial.head.image, sigma));
    found.push(judgedOf(trial, "noisy", image, sigma));
    for (const method of classicMethods)
      found.push(judgedOf(trial, method, (await denoise(image, { method, sigma })).image, sigma));
  }
  return found;
}
