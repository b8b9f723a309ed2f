import { regionalFeatures, tissueFeatures, voxelFeatures } from "../../classify/features.js";
import { defaultStudy, drawStudy, type StudyOptions, simulateVisit } from "../../sim/alzheimer/cohort.js";
import { prepareImage } from "../../tasks/classification/prepare.js";
import type { ImageVolume } from "../../volume/volume.js";
import type { Group, SlicedSubject, Subject } from "./data.js";
import type { Extent } from "./plan.js";

/** One image a subject, of the brain alone and along the axes, as after registration. */
const common = { ...defaultStudy, months: [0], missedVisits: 0, brainOnly: true, turned: false } as const;

/** The cohort that is trained and tested on. */
export function cohortOptions({ pair, mild, test, grid, spacingMm }: Extent, seed: number): StudyOptions {
  const groups = { CN: pair + test, AD: pair + test, sMCI: mild + test, pMCI: mild + test };
  return { ...common, seed, groups, grid, spacingMm };
}

/** The shifted cohort. */
export function externalOptions({ external, grid, spacingMm }: Extent, seed: number): StudyOptions {
  return { ...common, seed, groups: { CN: external, AD: external }, grid, spacingMm, external: true };
}

/** Other people, in finer voxels, to be cut into slices. */
export function slicedOptions(extent: Extent, seed: number): StudyOptions {
  const { sliceSubjects, cleanSubjects, sliceGrid, sliceSpacingMm } = extent;
  const each = sliceSubjects + cleanSubjects;
  return {
    ...common,
    // A seed of its own: the same people as in the other cohort would be no other people.
    seed: seed + 1_000_003,
    groups: { CN: each, AD: each },
    grid: sliceGrid,
    spacingMm: sliceSpacingMm,
  };
}

export interface SubjectsSetup {
  readonly extent: Extent;
  readonly seed: number;
}

export interface SubjectTask {
  readonly cohort: "own" | "external" | "sliced";
  /** Number in `drawStudy`. */
  readonly index: number;
}

/** What each thread does: a person of a cohort. See `openPool`. */
export function start({ extent, seed }: SubjectsSetup): (task: SubjectTask) => Subject | SlicedSubject {
  const options = {
    own: cohortOptions(extent, seed),
    external: externalOptions(extent, seed),
    sliced: slicedOptions(extent, seed),
  };
  const people = {
    own: drawStudy(options.own),
    external: drawStudy(options.external),
    sliced: drawStudy(options.sliced),
  };
  return ({ cohort, index }) => {
    const person = people[cohort][index]!;
    const { t1, volumesMl } = simulateVisit(options[cohort], person, 0);
    const image = prepareImage(t1, { size: null, enlarge: false, intensity: "percentile" }, person.id);
    if (cohort === "sliced") {
      const positive = person.patient.course.group === "AD";
      return { id: person.id, positive, ...bothCuts(image, t1, extent.slices) };
    }
    return {
      id: person.id,
      group: person.patient.course.group satisfies Group,
      image,
      grey: voxelFeatures(t1),
      csf: tissueFeatures(t1).slice(0, 1),
      volumes: regionalFeatures(volumesMl, "intracranial"),
    };
  };
}

/** The middle axial slices of a head, as networks and as the audit see them. */
export function bothCuts(
  prepared: ImageVolume,
  original: ImageVolume,
  count: number,
): Pick<SlicedSubject, "slices" | "originals"> {
  return { slices: middleSlices(prepared, count), originals: middleSlices(original, count) };
}

function middleSlices({ data, size, affine }: ImageVolume, count: number): ImageVolume[] {
  const [ni, nj, nk] = size;
  const first = Math.max(0, (nk - count) >> 1);
  return Array.from({ length: Math.min(count, nk) }, (_, n): ImageVolume => {
    const from = (first + n) * ni * nj;
    return { data: data.slice(from, from + ni * nj), size: [ni, nj, 1], affine, channels: 1 };
  });
}
