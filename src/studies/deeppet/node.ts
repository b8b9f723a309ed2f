import { openPool } from "../../core/pool.node.js";
import { rng } from "../../core/rng.js";
import { openParts } from "../parts.node.js";
import type { OpenRequest, Study, StudySize, Workshop } from "../study.js";
import type { ClassicResult } from "./classic.js";
import { conclude } from "./conclude.js";
import { type PhantomTask, phantomTasks, type StudyData, type StudyScan } from "./data.js";
import type { JudgeResult, TimeResult } from "./judge.node.js";
import { unpacked } from "./packed.node.js";
import type { PhantomSetup } from "./phantoms.node.js";
import {
  configurationOf,
  dataCost,
  type Extent,
  extentFor,
  fullMinutes,
  geometryOf,
  type LevelName,
  levels,
  partIds,
  partsOf,
  type StudyConfigs,
} from "./plan.js";
import type { StudySetup } from "./train.node.js";
import { imagesIn, unseenScans } from "./unseen.node.js";

/**
 * The claims of Häggström et al. 2019 on simulated heads and bodies, and on real images that no phantom was made after.
 * The trained networks stay in the study's folder, as runs.
 */
export function deepPetStudy(configs: StudyConfigs): Study {
  return {
    title: "DeepPET beside FBP, ML-EM and OSEM",
    description:
      "PET slices of heads and bodies are reconstructed by filtered backprojection, ML-EM and OSEM, each tuned on phantoms of its own, by DeepPET, which learns the way from sinogram to image from other phantoms only, and by a network that learns to improve filtered backprojections (after Jin et al. 2017). All get the same counts with the same attenuation, scatter and randoms.",
    minutes: fullMinutes,
    plan: (size) => {
      const extent = extentFor(size.minutes);
      return {
        configuration: { ...configurationOf(extent, configs), images: size.dataDir ?? "none" },
        parts: partsOf(extent),
        openingCost: dataCost(extent),
        open: (request) => open(extent, configs, size, request),
        conclude: async (read) => {
          const result = (id: string): unknown => unpacked(read(id));
          const classic = levels.map(
            ({ name }) => [name, result(partIds.classic(name)) as ClassicResult] as const,
          );
          return conclude({
            extent,
            classic: Object.fromEntries(classic) as Record<LevelName, ClassicResult>,
            networks: {
              deeppet: result(partIds.judge("deeppet")) as JudgeResult,
              backprojected: result(partIds.judge("backprojected")) as JudgeResult,
            },
            time: result(partIds.time) as TimeResult,
            random: rng(size.seed).split("intervals"),
          });
        },
      };
    },
  };
}

async function open(
  extent: Extent,
  configs: StudyConfigs,
  size: StudySize,
  request: OpenRequest,
): Promise<Workshop> {
  const { folder, threads } = request;
  const data = await simulate(extent, size, request);
  const setup: StudySetup = { data, extent, configs, seed: size.seed, folder };
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "work.node$1"));
  const classic = levels.map(({ name }) => partIds.classic(name));
  return openParts(module, setup, {
    parts: partsOf(extent),
    threads,
    killable: (id) => classic.includes(id),
  });
}

/** All slices: phantoms on as many threads as there may be, then the real images. */
async function simulate(
  extent: Extent,
  { seed, dataDir }: StudySize,
  { threads, signal, onProgress }: OpenRequest,
): Promise<StudyData> {
  const module = new URL(import.meta.url.replace(/node(\.\w+)$/, "phantoms.node$1"));
  const pool = await openPool<PhantomSetup, PhantomTask, StudyScan[]>(
    module,
    { extent, seed },
    Math.max(1, threads),
  );
  try {
    const tasks = phantomTasks(extent);
    let done = 0;
    const phantoms = await Promise.all(
      tasks.map(async (phantom) => {
        const slices = await pool.run(phantom);
        signal?.throwIfAborted();
        onProgress?.(++done / tasks.length);
        return slices;
      }),
    );
    const { trainPhantoms, validationPhantoms } = extent;
    const images = await imagesIn(dataDir);
    return {
      training: phantoms.slice(0, trainPhantoms).flat(),
      validation: phantoms.slice(trainPhantoms, trainPhantoms + validationPhantoms).flat(),
      test: phantoms.slice(trainPhantoms + validationPhantoms).flat(),
      unseen: images.length === 0 ? [] : await unseenScans(dataDir!, images, geometryOf(extent), seed),
    };
  } finally {
    await pool.close();
  }
}
