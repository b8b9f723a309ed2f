import { z } from "zod";
import { confoundLevel } from "../../audit/check-confounds.js";
import { rng } from "../../core/rng.js";
import { say } from "../judge.js";
import type { Conclusion, OpenRequest, Part, ShownClaim, Study, StudySize, Workshop } from "../study.js";
import { wilson } from "../wilson.js";
import { realHeads, simulateVisits } from "./heads.node.js";
import { isClean, type Scene, scenes } from "./scenes.js";
import { type Material, runTrial, type Trial } from "./trial.js";

/** Simulated splits of every scene, at the full size. */
const fullSplits = 60;
const fullMinutes = 8;
const people = 48;

const names = Object.keys(scenes) as Scene[];
const onImages: readonly Scene[] = ["slices", "one-head", "copies", "visits", "clean-slices", "clean-visits"];

const trialSchema = z.array(z.object({ found: z.boolean(), right: z.boolean() }));

/** How often leaks of every category are found, and how often there is a false alarm. */
export const auditStudy: Study = {
  title: "What the audit finds, and how often it is wrong",
  description:
    "Splits are drawn at random with a leak of every category of the review (biased split by identifier and by content, late split, no independent test set) and with confounds, and audited; others are drawn without. Images have no identifiers and no names that mean anything. Slices are cut from simulated heads, or from real ones with --data; visits are simulated.",
  minutes: fullMinutes,
  images: "data set",
  plan: (size) => {
    const splits = Math.max(5, Math.round((fullSplits * size.minutes) / fullMinutes));
    const parts = names.map((id): Part => ({ id, what: scenes[id], cost: onImages.includes(id) ? 10 : 1 }));
    return {
      configuration: { splits, people, images: size.dataDir ?? "simulated", falseAlarms: 0.01 },
      parts,
      openingCost: 15,
      open: (request) => open(size, splits, request),
      conclude: async (read) => conclude((id) => trialSchema.parse(read(id)), size),
    };
  },
};

async function open(
  { seed, dataDir }: StudySize,
  splits: number,
  { signal, onProgress }: OpenRequest,
): Promise<Workshop> {
  const material: { sliced: Material["sliced"][number][]; visits: Material["visits"][number][] } = {
    sliced: [],
    visits: [],
  };
  for (let n = 0; n < people; n++) {
    signal?.throwIfAborted();
    const { visits, sliced } = await simulateVisits(seed, n);
    material.visits.push(visits);
    if (dataDir === undefined) material.sliced.push(sliced);
    onProgress?.((n + 1) / people);
  }
  if (dataDir !== undefined) for await (const head of realHeads(dataDir)) material.sliced.push(head);
  let closed = false;
  return {
    run: async (id) => {
      const trials: Trial[] = [];
      for (let n = 0; n < splits && !closed; n++) {
        trials.push(await runTrial(id as Scene, material, rng(seed).split(id, n)));
        // Others may be waiting for a turn: an interruption, the next part.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return trials;
    },
    close: async () => {
      closed = true;
    },
  };
}

/** Detection is good where the whole interval is above this, false alarms where it is below. */
const goal = { detected: 0.9, alarmed: 0.1 } as const;

function conclude(read: (id: Scene) => readonly Trial[], { dataDir }: StudySize): Conclusion {
  const claims = names.map((id): ShownClaim => {
    const trials = read(id);
    const clean = isClean(id);
    const hits = trials.filter(({ found, right }) => (clean ? found : found && right)).length;
    const ours = hits / trials.length;
    const [low, high] = wilson(hits, trials.length);
    return {
      id,
      statement: `${clean ? "False alarms" : "Found"}, share of ${trials.length} splits: ${scenes[id]}`,
      paper: "not measured",
      ours,
      interval: [low, high],
      holds: !clean
        ? low > goal.detected
        : id === "clean-confounds"
          ? low < confoundLevel
          : high < goal.alarmed,
      shown: {
        paper: "not measured",
        ours: say(ours, "share"),
        interval: `${say(low, "share")} to ${say(high, "share")}`,
      },
    };
  });
  return {
    claims,
    notes: [
      `A leak counts as found where the exit code would be 1 and the evidence names it: a pair of images of one head, the category of a record. Intervals are Wilson's. A claim holds where the interval is above ${goal.detected}, for clean splits below ${goal.alarmed}; tests of confounds have a family-wise error of ${confoundLevel}, which their interval must not exclude.`,
      "Tables and records are drawn in the form in which people and runs write them, and no run was trained for them: of these the shares say that the rules are read rightly, and nothing about how often records are true.",
      dataDir === undefined
        ? "All heads are simulated, 4 mm voxels; slices are 4 mm apart."
        : "Slices are cut from real heads; visits are of simulated ones, 4 mm voxels.",
    ],
    sections: [],
  };
}
