import { rng } from "../../core/rng.js";
import type { NnunetPreset } from "../../tasks/segmentation/nnunet/config.js";
import { openParts } from "../parts.node.js";
import type { OpenRequest, Study, StudySize, Workshop } from "../study.js";
import { conclude } from "./conclude.js";
import {
  configurationOf,
  type Extent,
  extentFor,
  fullMinutes,
  type Kind,
  kinds,
  partIds,
  partsOf,
} from "./plan.js";
import type { Planned } from "./planned.js";
import { realIn } from "./real.node.js";
import type { Choice, Evidence, RealResult, Tested } from "./score.js";
import type { WorkSetup } from "./work.node.js";

/** The claims of nnU-Net on four kinds of simulated data; `preset` is what the networks are trained by, made smaller. */
export function nnunetStudy(preset: NnunetPreset): Study {
  return {
    title: "nnU-Net on four kinds of data",
    description:
      "Data of four kinds are simulated: isotropic structures, thick slices, heads in which far context decides a label, and small lesions that one of two channels shows. Each is measured and planned by nnU-Net's rules, the planned networks are trained in two folds with a fixed number of steps, configurations, pairs and post-processing are chosen by cross-validation, and all of them are judged on further cases that nothing was chosen on.",
    minutes: fullMinutes,
    plan: (size) => {
      const extent = extentFor(size.minutes);
      const real = realIn(size.dataDir);
      return {
        configuration: configurationOf(extent, preset, real),
        parts: partsOf(extent, real),
        openingCost: 0,
        open: (request) => open(extent, preset, size, request),
        conclude: async (read) => {
          const each = <T>(id: (kind: Kind) => string): Record<Kind, T> =>
            Object.fromEntries(kinds.map((kind) => [kind, read(id(kind)) as T])) as Record<Kind, T>;
          const evidence: Evidence = {
            plans: kinds.map((kind) => read(partIds.plan(kind)) as Planned),
            choices: each<Choice>(partIds.best),
            tests: each<Tested>(partIds.test),
            real: real.map((set) => read(partIds.real(set)) as RealResult),
          };
          return conclude(evidence, extent, rng(size.seed).split("intervals"));
        },
      };
    },
  };
}

async function open(
  extent: Extent,
  preset: NnunetPreset,
  { seed, dataDir }: StudySize,
  { folder, threads }: OpenRequest,
): Promise<Workshop> {
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "work.node$1"));
  const setup: WorkSetup = { extent, preset, seed, dataDir: dataDir ?? null, folder };
  return openParts(module, setup, { parts: partsOf(extent, realIn(dataDir)), threads });
}
