/** A longitudinal cohort of Alzheimer's disease: who is in it, and each visit's head, scan and true volumes. */
import { fail } from "../../core/errors.js";
import { type Rng, rng } from "../../core/rng.js";
import { multiplyAffines, scalingAffine } from "../../volume/affine.js";
import type { Affine, Grid, ImageVolume, LabelVolume } from "../../volume/volume.js";
import type { BrainParameters } from "../brain.js";
import { labelVolumesMl } from "../cohort.js";
import { coarseOfFull } from "../labels.js";
import { renderBrain, withLabels } from "../render.js";
import {
  type ClinicalStatus,
  type CourseName,
  type CourseOptions,
  drawCourse,
  severityAfter,
  statusAfter,
  usualCourse,
} from "./course.js";
import { drawPatient, headAfter, type Patient } from "./person.js";
import { drawScanner, otherScanners, type Scanner, scanHead, usualScanners } from "./scanner.js";
import { type StructureVolumes, structureVolumes } from "./volumes.js";

/** What a simulated study is made of: plain data, which crosses threads and is recorded. */
export interface StudyOptions {
  readonly seed: number;
  /** How many of each; a person counts once. MCI may be asked for by stage or by outcome. */
  readonly groups: Partial<Readonly<Record<CourseName, number>>>;
  /** Months of the visits, 0 first. */
  readonly months: readonly number[];
  /** Share of later visits that did not take place. */
  readonly missedVisits: number;
  /** Voxels along each edge of the field of view, and their size. From 150 mm on it holds the whole brain. */
  readonly grid: number;
  readonly spacingMm: number;
  /** Signal from the brain alone, as after skull-stripping. */
  readonly brainOnly: boolean;
  /** Heads lie turned and shifted in the scanner; else all along the axes, as after a rigid registration. */
  readonly turned: boolean;
  readonly sites: number;
  /** Another cohort: older people, milder patients, larger ventricles, other scanners. */
  readonly external: boolean;
}

export const defaultStudy: Omit<StudyOptions, "groups" | "seed"> = {
  months: [0, 12, 36],
  missedVisits: 0.1,
  grid: 48,
  spacingMm: 4,
  brainOnly: false,
  turned: false,
  sites: 4,
  external: false,
};

/** The groups of a study of so many people: as many controls as patients, stable and progressive MCI. */
export function evenGroups(subjects: number): StudyOptions["groups"] {
  const names = ["CN", "AD", "sMCI", "pMCI"] as const;
  return Object.fromEntries(
    names.map((name, at) => [name, Math.floor(subjects / 4) + (at < subjects % 4 ? 1 : 0)]),
  );
}

/** A person of the study, before anything is rendered. */
export interface StudyPerson {
  /** `sub-001`, or `sub-ext001` in an external cohort. */
  readonly id: string;
  readonly patient: Patient;
  readonly scanner: Scanner;
  /** Months of the visits that took place; the first always. */
  readonly months: readonly number[];
}

/** One visit: the scan, and what is true of it. */
export interface StudyVisit {
  /** `ses-M00`, `ses-M12`. */
  readonly session: string;
  readonly months: number;
  readonly ageYears: number;
  readonly status: ClinicalStatus;
  readonly severity: number;
  /** Mini-mental state as it would be scored: 30 is best. */
  readonly mmse: number;
  readonly head: BrainParameters;
  readonly t1: ImageVolume;
  /** Labels of `coarseStructures`. */
  readonly labels: LabelVolume;
  readonly volumesMl: StructureVolumes;
}

/** Throws `bad-argument` for options that make no study. */
export function checkStudy(options: StudyOptions): void {
  const { groups, months, grid, spacingMm, missedVisits, sites } = options;
  const refuse = (what: string, where: string, expected: string, found: unknown): never =>
    fail("bad-argument", { what, where, expected, found: `${found}` });
  const counts = Object.values(groups);
  const total = counts.reduce((sum, n) => sum + n, 0);
  if (!counts.every((n) => Number.isInteger(n) && n >= 0) || total < 1 || total > 9999)
    refuse(
      "the numbers of subjects are not possible",
      "groups",
      "whole numbers, 1 to 9999 in all",
      JSON.stringify(groups),
    );
  if (
    months[0] !== 0 ||
    !months.every((m, at) => Number.isInteger(m) && (at === 0 || m > months[at - 1]!)) ||
    months.at(-1)! > 240
  )
    refuse(
      "the months of the visits are not possible",
      "months",
      "0 first, then rising whole numbers up to 240",
      months.join(", "),
    );
  if (!(Number.isInteger(grid) && grid >= 8 && grid <= 256))
    refuse("the grid is not possible", "grid", "a whole number from 8 to 256", grid);
  if (!(spacingMm >= 0.5 && spacingMm <= 10))
    refuse("the voxel size is not possible", "spacingMm", "0.5 to 10 mm", spacingMm);
  if (!(missedVisits >= 0 && missedVisits < 1))
    refuse("the share of missed visits is not possible", "missedVisits", "0 to below 1", missedVisits);
  if (!(Number.isInteger(sites) && sites >= 1 && sites <= 99))
    refuse("the number of sites is not possible", "sites", "1 to 99", sites);
}

/** The course of an external cohort: its patients are called demented earlier. */
const externalCourse: CourseOptions = { impairedFrom: 0.22, dementedFrom: 0.58 };

/** Everybody in a study, in the order of their numbers: groups are mixed, so that any first part is a study too. */
export function drawStudy(options: StudyOptions): StudyPerson[] {
  checkStudy(options);
  const { seed, groups, external } = options;
  const draw = rng(seed).split(external ? "external" : "internal");
  const queue = Object.entries(groups).flatMap(([name, n]) =>
    Array.from({ length: n }, (_, at) => ({ name: name as CourseName, place: (at + 0.5) / n })),
  );
  queue.sort((a, b) => a.place - b.place || (a.name < b.name ? -1 : 1));
  return queue.map(({ name }, at) => drawPerson(options, draw.split("subject", at), name, at));
}

function drawPerson(options: StudyOptions, draw: Rng, name: CourseName, at: number): StudyPerson {
  const { external, sites, months, missedVisits, seed } = options;
  const course = drawCourse(draw.split("course"), name, external ? externalCourse : usualCourse);
  const [mean, spread] = external ? [78, 6] : [73, 6.5];
  const ageYears = Math.round(10 * Math.max(55, Math.min(92, draw.split("age").normal(mean, spread)))) / 10;
  const drawn = drawPatient(draw.split("patient"), {
    sex: draw.split("sex").chance(0.5) ? "F" : "M",
    ageYears,
    course,
  });
  // Where the external cohort was recruited, small vessels add to the ventricles whatever the diagnosis.
  const patient = external
    ? { ...drawn, own: { ...drawn.own, ventricles: drawn.own.ventricles * 1.2 } }
    : drawn;
  return {
    id: `sub-${external ? "ext" : ""}${String(at + 1).padStart(3, "0")}`,
    patient,
    scanner: drawScanner(
      rng(seed).split("scanners"),
      draw.split("site").integer(sites),
      external ? otherScanners : usualScanners,
    ),
    months: months.filter((m) => m === 0 || !draw.split("missed", m).chance(missedVisits)),
  };
}

/** The field of view: RAS+, from 150 mm on around the brain, else around the temporal lobes and the ventricles. */
export function studyGrid({ grid, spacingMm }: Pick<StudyOptions, "grid" | "spacingMm">): Grid {
  const middle = grid * spacingMm >= 150 ? [0, -19, 15] : [0, -16, 0];
  const first = middle.map((mm) => mm - ((grid - 1) / 2) * spacingMm);
  return {
    size: [grid, grid, grid],
    affine: scalingAffine([spacingMm, spacingMm, spacingMm], first as [number, number, number]),
  };
}

/** One visit of a person, rendered, scanned and measured. The same arguments give the same bits. */
export function simulateVisit(options: StudyOptions, person: StudyPerson, months: number): StudyVisit {
  const { patient, scanner, id } = person;
  const draw = rng(options.seed).split("visit", id, months);
  const head = headAfter(patient, months);
  const grid = studyGrid(options);
  const lying = options.turned ? multiplyAffines(poseOf(draw.split("pose")), grid.affine) : grid.affine;
  // Three points an edge would tell partial volumes a little better, at three times the time.
  const brain = renderBrain(head, { size: grid.size, affine: lying }, { samplesPerEdge: 2 });
  const inScanner = { ...brain, labels: { ...brain.labels, affine: grid.affine } };
  const t1 = scanHead(inScanner, scanner, patient.rng.split("contrast"), draw, options.brainOnly);
  const severity = severityAfter(patient.course, months);
  const picture = severity + patient.course.reserve;
  return {
    session: `ses-M${String(months).padStart(2, "0")}`,
    months,
    ageYears: Math.round(10 * (patient.ageYears + months / 12)) / 10,
    status: statusAfter(patient.course, months, options.external ? externalCourse : usualCourse),
    severity,
    mmse: Math.max(
      0,
      Math.min(30, Math.round(29.2 - 8 * Math.max(0, picture) + draw.split("mmse").normal(0, 1))),
    ),
    head,
    t1,
    labels: withLabels(inScanner, coarseOfFull),
    volumesMl: structureVolumes(labelVolumesMl(brain)),
  };
}

/** Scanner millimetres to the head's: turned by up to about 12 degrees, shifted by up to about 10 mm. */
function poseOf(draw: Rng): Affine {
  const angle = (name: string): number =>
    (Math.max(-12, Math.min(12, draw.split(name).normal(0, 5))) * Math.PI) / 180;
  const shift = (name: string): number => Math.max(-10, Math.min(10, draw.split(name).normal(0, 4)));
  const [a, b, c] = [angle("nod"), angle("tilt"), angle("turn")];
  const [sa, ca, sb, cb, sc, cc] = [
    Math.sin(a),
    Math.cos(a),
    Math.sin(b),
    Math.cos(b),
    Math.sin(c),
    Math.cos(c),
  ];
  const nod = [1, 0, 0, 0, 0, ca, -sa, 0, 0, sa, ca, 0, 0, 0, 0, 1];
  const tilt = [cb, 0, sb, 0, 0, 1, 0, 0, -sb, 0, cb, 0, 0, 0, 0, 1];
  const turn = [cc, -sc, 0, shift("right"), sc, cc, 0, shift("front"), 0, 0, 1, shift("up"), 0, 0, 0, 1];
  return multiplyAffines(turn, multiplyAffines(tilt, nod));
}
