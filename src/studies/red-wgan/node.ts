import { rng } from "../../core/rng.js";
import { simulateInParallel } from "../../sim/subjects.node.js";
import type { DenoisingConfig } from "../../tasks/denoising/config.js";
import { openParts } from "../parts.node.js";
import type { OpenRequest, Study, StudySize, Workshop } from "../study.js";
import { conclude } from "./conclude.js";
import {
  configurationOf,
  type Extent,
  extentFor,
  fullMinutes,
  networks,
  openingCost,
  partIds,
  partsOf,
  realNetworks,
} from "./plan.js";
import { realScans } from "./real.node.js";
import type { Judged, TestHead } from "./score.js";
import type { StudySetup } from "./train.node.js";
import type { TestData } from "./trial.js";

/** The claims of Ran et al. 2019 on simulated heads. The trained networks stay in the study's folder, as runs. */
export function redWganStudy(preset: DenoisingConfig): Study {
  return {
    title: "RED-WGAN beside classic denoisers",
    description:
      "Rician noise of known strength is put on held-out simulated heads, and on a real one where there is one, and taken out by classic filters and by networks, which have learnt it on other heads. All networks begin with the same weights, trained at all levels by mean squared error (CNN3D, all levels), and go on with equally many generator steps: at one level by the same loss alone (CNN3D), with a perceptual term, with a critic, with both (RED-WGAN), and with both at all levels. The perceptual term judges by the encoder of a small U-Net that the study has trained to label tissue in clean heads. Filters and networks of all levels are told how strong the noise is; a network of one level takes everything for that level.",
    minutes: fullMinutes,
    plan: (size) => {
      const extent = extentFor(size.minutes, size.seed, size.dataDir !== undefined);
      return {
        configuration: { ...configurationOf(extent, preset), images: size.dataDir ?? "none" },
        parts: partsOf(extent),
        openingCost: openingCost(extent),
        open: (request) => open(extent, preset, size, request),
        conclude: async (read) => {
          const ids = [
            ...Array.from({ length: extent.test }, (_, n) => partIds.classic(n)),
            ...networks.map(partIds.judge),
            ...(extent.real ? [partIds.realClassic, ...realNetworks.map(partIds.realJudge)] : []),
          ];
          const judged = ids.flatMap((id) => read(id) as Judged[]);
          return conclude(judged, rng(size.seed).split("intervals"));
        },
      };
    },
  };
}

async function open(
  extent: Extent,
  preset: DenoisingConfig,
  { seed, dataDir }: StudySize,
  { folder, threads, onProgress, signal }: OpenRequest,
): Promise<Workshop> {
  const clean: TestHead[] = [];
  for await (const { id, t1, labels } of simulateInParallel(extent.cohort)) {
    signal?.throwIfAborted();
    clean.push({ id, image: t1, labels });
    onProgress?.(clean.length / extent.cohort.subjects);
  }
  const real = await realScans(extent.real ? dataDir : undefined);
  const simulated = clean.slice(extent.training + extent.validation);
  const test: TestData = { simulated, real: real.heads, repeats: real.repeats };
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "work.node$1"));
  const setup: StudySetup = { clean, real, test, extent, preset, seed, folder };
  const classic = [...simulated.map((_, n) => partIds.classic(n)), partIds.realClassic];
  return openParts(module, setup, {
    parts: partsOf(extent),
    threads,
    killable: (id) => classic.includes(id),
  });
}
