/** The texts of a simulated BIDS data set (BIDS 1.9): what goes into which file, without touching a disk. */
import type { CohortOptions, SimulatedSubject } from "./cohort.js";
import { adniMprage } from "./contrast.js";
import type { Structure } from "./labels.js";

const generatedBy = [
  {
    Name: "Gyrus",
    Description: "Simulated by Gyrus's procedural brain phantom; no part of it was measured in a person.",
  },
] as const;

/** `dataset_description.json` of the images. */
export function rawDescription(name: string): string {
  return json({
    Name: name,
    BIDSVersion: "1.9.0",
    DatasetType: "raw",
    License: "CC0",
    GeneratedBy: generatedBy,
    SourceDatasets: [],
  });
}

/** `dataset_description.json` of the label maps. */
export function truthDescription(name: string): string {
  return json({
    Name: `${name}: true label maps`,
    BIDSVersion: "1.9.0",
    DatasetType: "derivative",
    License: "CC0",
    GeneratedBy: generatedBy,
    SourceDatasets: [{ URL: "../.." }],
  });
}

export function readme(options: CohortOptions): string {
  return [
    "# Simulated brains",
    "",
    "Every image in this data set is simulated: no person was scanned. Each subject is a procedural head with",
    "its own folds, ventricles, nuclei and hippocampi, imaged with a simulated T1-weighted MPRAGE sequence at",
    "3 T, with partial volume, a bias field and Rician noise.",
    "",
    "- `sub-*/anat/*_T1w.nii.gz`: the images, RAS+, origin at the anterior commissure.",
    "- `derivatives/gyrus-truth/sub-*/anat/*_dseg.nii.gz`: the true structures, ten classes (`dseg.tsv`).",
    "- `derivatives/gyrus-truth/sub-*/anat/*_desc-full_dseg.nii.gz`: every structure and side (`desc-full_dseg.tsv`).",
    "- `participants.tsv`: age, sex and true volumes. Ages and sexes are drawn, not anybody's.",
    "",
    `Made with seed ${options.seed}, ${options.subjects} subjects, ${options.spacingMm} mm voxels, noise ${options.noisePercent} %, bias field ${options.biasPercent} %.`,
    "",
  ].join("\n");
}

const columns: readonly {
  readonly name: string;
  readonly about: Record<string, unknown>;
  readonly of: (subject: SimulatedSubject) => string;
}[] = [
  { name: "participant_id", about: { Description: "Label of the subject" }, of: (s) => s.id },
  {
    name: "age",
    about: { Description: "Simulated age", Units: "year" },
    of: (s) => s.person.ageYears.toFixed(1),
  },
  {
    name: "sex",
    about: { Description: "Simulated sex", Levels: { F: "female", M: "male" } },
    of: (s) => s.person.sex,
  },
  millilitres("intracranial_ml", "Volume within the skull", (s) => s.volumesMl.intracranial),
  millilitres("cortex_ml", "Volume of the cerebral cortex", (s) => s.volumesMl.cortex),
  millilitres("white_matter_ml", "Volume of the cerebral white matter", (s) => s.volumesMl.whiteMatter),
  millilitres(
    "lateral_ventricles_ml",
    "Volume of both lateral ventricles",
    (s) => s.volumesMl.lateralVentricles,
  ),
  millilitres("hippocampus_left_ml", "Volume of the left hippocampus", (s) => s.volumesMl.hippocampusLeft),
  millilitres("hippocampus_right_ml", "Volume of the right hippocampus", (s) => s.volumesMl.hippocampusRight),
];

function millilitres(name: string, what: string, of: (subject: SimulatedSubject) => number) {
  return {
    name,
    about: { Description: `${what}, true within the field of view`, Units: "mL" },
    of: (subject: SimulatedSubject): string => of(subject).toFixed(2),
  };
}

/** The names of the columns of `participants.tsv`. */
export const participantColumns: readonly string[] = columns.map((column) => column.name);

/** One row of `participants.tsv`, in the order of `participantColumns`. */
export function participantRow(subject: SimulatedSubject): readonly string[] {
  return columns.map((column) => column.of(subject));
}

/** `participants.json`. */
export function participantsDictionary(): string {
  return json(Object.fromEntries(columns.map((column) => [column.name, column.about])));
}

/** The sidecar of a simulated image: sequence in BIDS's units (seconds) and the person behind it. */
export function imageSidecar(subject: SimulatedSubject, options: CohortOptions): string {
  return json({
    Modality: "MR",
    MagneticFieldStrength: 3,
    Manufacturer: "Gyrus (simulated)",
    PulseSequenceType: "MPRAGE (simulated)",
    RepetitionTime: adniMprage.repetitionMs / 1000,
    InversionTime: adniMprage.inversionMs / 1000,
    FlipAngle: adniMprage.flipDegrees,
    Simulated: true,
    NoisePercent: options.noisePercent,
    BiasPercent: options.biasPercent,
    Seed: options.seed,
    Person: subject.person,
  });
}

/** `dseg.tsv`: index, name, abbreviation and, where there is one, the index in FreeSurfer's colour table. */
export function structureTable(structures: readonly Structure[]): string {
  const mapped = structures.some((structure) => structure.freesurfer !== undefined);
  const header = ["index", "name", "abbreviation", ...(mapped ? ["freesurfer"] : [])];
  const rows = structures.map((structure) => [
    `${structure.index}`,
    structure.name,
    structure.abbreviation,
    ...(mapped ? [structure.freesurfer === undefined ? "n/a" : `${structure.freesurfer}`] : []),
  ]);
  return tsv([header, ...rows]);
}

/** Rows as tab-separated lines; no cell here holds a tab or a newline. */
export function tsv(rows: readonly (readonly string[])[]): string {
  return `${rows.map((row) => row.join("\t")).join("\n")}\n`;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
