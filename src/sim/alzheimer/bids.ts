/** The tables and texts of a simulated study as a BIDS data set, without touching a disk. */
import { tsv } from "../bids.js";
import type { StudyOptions, StudyPerson, StudyVisit } from "./cohort.js";
import { headAfter } from "./person.js";
import { measuredStructures } from "./volumes.js";

/** A visit without its voxels: what the tables say of it. */
export type VisitRecord = Omit<StudyVisit, "t1" | "labels" | "head">;

interface Column<T> {
  readonly name: string;
  readonly about: Readonly<Record<string, unknown>>;
  readonly of: (row: T) => string;
}

const sexes = { F: "female", M: "male" };

const participantColumns: readonly Column<StudyPerson>[] = [
  { name: "participant_id", about: { Description: "Label of the subject" }, of: (p) => p.id },
  {
    name: "diagnosis",
    about: {
      Description: "Diagnosis at the first visit",
      Levels: {
        CN: "cognitively normal",
        EMCI: "early mild cognitive impairment",
        LMCI: "late mild cognitive impairment",
        AD: "dementia of the Alzheimer type",
      },
    },
    of: ({ patient }) => patient.course.diagnosis,
  },
  {
    name: "group",
    about: {
      Description: "Diagnosis with the outcome of mild cognitive impairment",
      Levels: {
        CN: "cognitively normal, and still so after 36 months",
        sMCI: "mild cognitive impairment, no dementia within 36 months",
        pMCI: "mild cognitive impairment, dementia within 36 months",
        AD: "dementia of the Alzheimer type",
      },
    },
    of: ({ patient }) => patient.course.group,
  },
  {
    name: "conversion_months",
    about: {
      Description: "From the first visit to dementia, of subjects with mild cognitive impairment",
      Units: "month",
    },
    of: ({ patient }) => `${patient.course.conversionMonths ?? "n/a"}`,
  },
  {
    name: "age",
    about: { Description: "Simulated age at the first visit", Units: "year" },
    of: ({ patient }) => patient.ageYears.toFixed(1),
  },
  { name: "sex", about: { Description: "Simulated sex", Levels: sexes }, of: ({ patient }) => patient.sex },
  {
    name: "site",
    about: { Description: "Scanner, the same at all visits" },
    of: ({ scanner }) => scanner.site,
  },
];

const sessionColumns: readonly Column<VisitRecord>[] = [
  { name: "session_id", about: { Description: "Label of the visit" }, of: (v) => v.session },
  {
    name: "months",
    about: { Description: "Since the first visit", Units: "month" },
    of: (v) => `${v.months}`,
  },
  {
    name: "age",
    about: { Description: "Age at the visit", Units: "year" },
    of: (v) => v.ageYears.toFixed(1),
  },
  {
    name: "status",
    about: {
      Description: "Clinical status at the visit",
      Levels: { CN: "normal", MCI: "impaired", AD: "demented" },
    },
    of: (v) => v.status,
  },
  {
    name: "mmse",
    about: { Description: "Simulated mini-mental state, 30 is best" },
    of: (v) => `${v.mmse}`,
  },
];

/** `participants.tsv`. */
export function participantsTable(people: readonly StudyPerson[]): string {
  return table(participantColumns, people);
}

/** `sub-001_sessions.tsv`. */
export function sessionsTable(visits: readonly VisitRecord[]): string {
  return table(sessionColumns, visits);
}

/** `participants.json` and `sessions.json`. */
export const studyDictionaries = {
  participants: dictionary(participantColumns),
  sessions: dictionary(sessionColumns),
} as const;

/** Name of a structure's column: `hippocampus_left_ml`. */
export function volumeColumn(structure: string): string {
  return `${structure.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_ml`;
}

/** `volumes.tsv` of the truth: one row a visit with its severity and the volume of every structure. */
export function volumesTable(
  visits: readonly { readonly person: StudyPerson; readonly visit: VisitRecord }[],
): string {
  const names = Object.keys(measuredStructures) as (keyof typeof measuredStructures)[];
  return tsv([
    ["participant_id", "session_id", "severity", ...names.map(volumeColumn)],
    ...visits.map(({ person, visit }) => [
      person.id,
      visit.session,
      visit.severity.toFixed(3),
      ...names.map((name) => visit.volumesMl[name].toFixed(3)),
    ]),
  ]);
}

/** The sidecar of a scan. */
export function visitSidecar(person: StudyPerson, visit: VisitRecord, options: StudyOptions): string {
  const { sequence, noisePercent, biasPercent, blurMm, site } = person.scanner;
  return json({
    Modality: "MR",
    MagneticFieldStrength: 3,
    Manufacturer: "Gyrus (simulated)",
    InstitutionName: site,
    PulseSequenceType: "MPRAGE (simulated)",
    RepetitionTime: sequence.repetitionMs / 1000,
    InversionTime: sequence.inversionMs / 1000,
    FlipAngle: sequence.flipDegrees,
    Simulated: true,
    NoisePercent: Number(noisePercent.toFixed(3)),
    BiasPercent: Number(biasPercent.toFixed(3)),
    BlurMm: Number(blurMm.toFixed(3)),
    SkullStripped: options.brainOnly,
    Seed: options.seed,
    Person: headAfter(person.patient, visit.months),
  });
}

export function studyReadme(options: StudyOptions, people: number, visits: number): string {
  const groups = Object.entries(options.groups).map(([name, n]) => `${n} ${name}`);
  return [
    "# A simulated study of Alzheimer's disease",
    "",
    "Every image in this data set is simulated: no person was scanned, and nobody has these diagnoses. Severity of",
    "disease is continuous; a subject's clinical picture is severity plus a cognitive reserve of its own, and the",
    "diagnosis follows from it, so that neighbouring diagnoses overlap. Hippocampi, amygdalae and cortex shrink and",
    "ventricles and sulci widen with severity, beyond what ageing alone does.",
    "",
    "- `participants.tsv`: diagnosis at the first visit, group with the outcome of MCI, age, sex and scanner.",
    "- `sub-*/sub-*_sessions.tsv`: the visits.",
    "- `sub-*/ses-*/anat/*_T1w.nii.gz`: the scans.",
    "- `derivatives/gyrus-truth`: true structures (`*_dseg.nii.gz`), and true severity and volumes (`volumes.tsv`).",
    "",
    `Seed ${options.seed}, ${people} subjects (${groups.join(", ")}) with ${visits} visits, ${options.grid}³ voxels of ${options.spacingMm} mm, ${options.sites} scanners${options.external ? ", the external cohort: older, milder disease, other scanners" : ""}.`,
    "",
  ].join("\n");
}

function table<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  return tsv([
    columns.map(({ name }) => name),
    ...rows.map((row) => columns.map((column) => column.of(row))),
  ]);
}

function dictionary<T>(columns: readonly Column<T>[]): string {
  return json(Object.fromEntries(columns.map(({ name, about }) => [name, about])));
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
