import { reconstructEm } from "../../reconstruct/em.js";
import { fbp } from "../../reconstruct/fbp.js";
import { fbpWindows } from "../../reconstruct/ramp.js";
import { type EmSettings, type FbpSettings, type Tuned, tuneEm, tuneFbp } from "../../reconstruct/tune.js";
import type { PetScan } from "../../sim/pet/model.js";
import { buildProjector, type Projector } from "../../sim/pet/projector.js";
import { precorrected } from "../../sim/pet/scan.js";
import { type ImageScores, scoreImage } from "../../tasks/reconstruction/validate.js";
import { countedAt, type StudyData, type StudyScan, shownOf } from "./data.js";
import { type ClassicMethod, type Extent, geometryOf, type LevelName } from "./plan.js";

/** What tuning found for each method. */
export interface ClassicSettings {
  readonly fbp: FbpSettings;
  readonly mlem: EmSettings;
  readonly osem: EmSettings;
}

export interface ClassicResult {
  readonly tuned: {
    readonly fbp: Tuned<FbpSettings>;
    readonly mlem: Tuned<EmSettings>;
    readonly osem: Tuned<EmSettings>;
  };
  readonly test: Judged<ClassicMethod>;
  /** The same of the real images. */
  readonly unseen: Judged<ClassicMethod>;
}

/** How methods did on slices, and the images of those slices that are shown. */
export interface Judged<M extends string> {
  /** One entry for each slice. */
  readonly scores: Readonly<Record<M, readonly ImageScores[]>>;
  readonly images: Readonly<Record<M, readonly Float32Array[]>>;
}

/** An image by a tuned method, kBq/ml. */
export function reconstructClassic(
  scan: PetScan,
  method: ClassicMethod,
  settings: ClassicSettings,
  projector: Projector,
): Float32Array {
  if (method === "fbp")
    return fbp(precorrected(scan), scan.geometry, { ...settings.fbp, nonNegative: true, projector });
  return reconstructEm(scan, { ...settings[method], projector }).image;
}

/** Tune the classic methods on the validation slices at a level, and judge them on the others. */
export function judgeClassic(
  { validation, test, unseen }: Omit<StudyData, "training">,
  { search, ...extent }: Extent,
  level: LevelName,
  seed: number,
): ClassicResult {
  const cases = countedAt(validation, level, seed);
  const em = { filterFwhmMm: search.filterFwhmMm };
  const tuned = {
    fbp: tuneFbp(cases, {
      windows: fbpWindows,
      cutOff: search.fbpCutOff,
      filterFwhmMm: search.fbpFilterFwhmMm,
    }),
    mlem: tuneEm(cases, { ...em, subsets: 1, iterations: search.mlemIterations }),
    osem: tuneEm(cases, { ...em, subsets: search.osemSubsets, iterations: search.osemIterations }),
  };
  const settings = { fbp: tuned.fbp.best, mlem: tuned.mlem.best, osem: tuned.osem.best };
  const projector = buildProjector(geometryOf(extent));
  const judge = (scans: readonly StudyScan[]): Judged<ClassicMethod> => {
    const counted = countedAt(scans, level, seed);
    const shown = shownOf(scans);
    const images = ofMethods((method) =>
      counted.map(({ scan }) => reconstructClassic(scan, method, settings, projector)),
    );
    return {
      scores: ofMethods((method) => images[method].map((image, n) => scoreImage(scans[n]!.truth, image))),
      images: ofMethods((method) => shown.map((n) => images[method][n]!)),
    };
  };
  return { tuned, test: judge(test), unseen: judge(unseen) };
}

function ofMethods<T>(make: (method: ClassicMethod) => T): Record<ClassicMethod, T> {
  return { fbp: make("fbp"), mlem: make("mlem"), osem: make("osem") };
}
