import { partThread } from "../parts.node.js";
import { type ClassicResult, judgeClassic } from "./classic.js";
import { judgeNetwork, timeMethods } from "./judge.node.js";
import { packed } from "./packed.node.js";
import { levels, networkMethods, partIds } from "./plan.js";
import { runOf, type StudySetup, trainNetwork } from "./train.node.js";

/** What each thread does: see `openParts`. */
export const start = partThread<StudySetup>((setup, signal) => {
  const { data, extent, seed, folder } = setup;
  return async (id, read) => {
    const level = levels.find(({ name }) => partIds.classic(name) === id);
    if (level !== undefined) return packed(judgeClassic(data, extent, level.name, seed));
    for (const method of networkMethods) {
      if (id === partIds.train(method)) return trainNetwork(method, setup, signal);
      if (id === partIds.judge(method))
        return packed(await judgeNetwork(runOf(folder, method), data, seed, signal));
    }
    if (id !== partIds.time) throw new RangeError(`no part ${id}`);
    const { tuned } = read(partIds.classic("clinical")) as ClassicResult;
    const settings = { fbp: tuned.fbp.best, mlem: tuned.mlem.best, osem: tuned.osem.best };
    const runs = { deeppet: runOf(folder, "deeppet"), backprojected: runOf(folder, "backprojected") };
    return timeMethods(runs, data.test, settings, extent.timed, signal);
  };
});
