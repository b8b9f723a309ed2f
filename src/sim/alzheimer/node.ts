import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { openPool } from "../../core/pool.node.js";
import { writeVolume } from "../../io/node.js";
import { writeWholeFolder } from "../../io/whole-folder.node.js";
import { rawDescription, structureTable, truthDescription } from "../bids.js";
import { coarseStructures } from "../labels.js";
import {
  participantsTable,
  sessionsTable,
  studyDictionaries,
  studyReadme,
  type VisitRecord,
  visitSidecar,
  volumesTable,
} from "./bids.js";
import { drawStudy, type StudyOptions, type StudyPerson, simulateVisit } from "./cohort.js";

/** What `writeStudy` has made. */
export interface WrittenStudy {
  readonly folder: string;
  /** Folder of the true label maps and volumes, within `folder`. */
  readonly truth: string;
  readonly subjects: readonly string[];
  readonly visits: number;
}

export interface WriteStudyOptions extends StudyOptions {
  /** Called after every subject. */
  readonly onProgress?: (done: number, total: number) => void;
}

interface Setup {
  readonly options: StudyOptions;
  readonly folder: string;
}

/**
 * Simulate a longitudinal study into a new BIDS data set, on all processors: images, `participants.tsv`,
 * `sub-*_sessions.tsv`, true label maps, and true volumes in `derivatives/gyrus-truth/volumes.tsv`. The bytes do not
 * depend on the number of threads. The folder is whole or absent. Throws `exists`, `bad-argument`, and `disk`.
 */
export async function writeStudy(folder: string, options: WriteStudyOptions): Promise<WrittenStudy> {
  // Callers' options may hold functions, which do not cross threads.
  const { onProgress, ...plain } = options;
  const people = drawStudy(plain);
  const truth = join("derivatives", "gyrus-truth");
  const visits = await writeWholeFolder(folder, async (building) => {
    const name = plain.external ? "Simulated Alzheimer study, external" : "Simulated Alzheimer study";
    await mkdir(join(building, truth), { recursive: true });
    const seen: { person: StudyPerson; visit: VisitRecord }[] = [];
    const threads = Math.min(availableParallelism(), people.length);
    const pool = await openPool<Setup, number, readonly VisitRecord[]>(
      new URL(import.meta.url),
      { options: plain, folder: building },
      threads,
    );
    let next = 0;
    const found: (readonly VisitRecord[])[] = [];
    let done = 0;
    const work = async (): Promise<void> => {
      while (next < people.length) {
        const at = next++;
        found[at] = await pool.run(at);
        done++;
        onProgress?.(done, people.length);
      }
    };
    try {
      await Promise.all(Array.from({ length: threads }, work));
    } finally {
      await pool.close();
    }
    people.forEach((person, at) => {
      for (const visit of found[at]!) seen.push({ person, visit });
    });
    const text = (path: string, content: string) => writeFile(join(building, path), content);
    await text("dataset_description.json", rawDescription(name));
    await text("README", studyReadme(plain, people.length, seen.length));
    await text("participants.tsv", participantsTable(people));
    await text("participants.json", studyDictionaries.participants);
    await text("sessions.json", studyDictionaries.sessions);
    await text(join(truth, "dataset_description.json"), truthDescription(name));
    await text(join(truth, "dseg.tsv"), structureTable(coarseStructures));
    await text(join(truth, "volumes.tsv"), volumesTable(seen));
    return seen.length;
  });
  const target = resolve(folder);
  return { folder: target, truth: join(target, truth), subjects: people.map(({ id }) => id), visits };
}

/** What each thread does: all visits of a person, whose folds are worked out once. See `openPool`. */
export function start({ options, folder }: Setup): (index: number) => Promise<readonly VisitRecord[]> {
  const people = drawStudy(options);
  return (index) => writePerson(folder, options, people[index]!);
}

async function writePerson(
  folder: string,
  options: StudyOptions,
  person: StudyPerson,
): Promise<readonly VisitRecord[]> {
  const records: VisitRecord[] = [];
  for (const months of person.months) {
    const { t1, labels, head: _, ...visit } = simulateVisit(options, person, months);
    records.push(visit);
    const name = `${person.id}_${visit.session}`;
    const images = join(folder, person.id, visit.session, "anat");
    const truth = join(folder, "derivatives", "gyrus-truth", person.id, visit.session, "anat");
    await mkdir(images, { recursive: true });
    await mkdir(truth, { recursive: true });
    await Promise.all([
      writeVolume(join(images, `${name}_T1w.nii.gz`), t1, {
        dtype: "int16",
        description: "Gyrus: simulated T1-weighted image",
      }),
      writeFile(join(images, `${name}_T1w.json`), visitSidecar(person, visit, options)),
      writeVolume(join(truth, `${name}_dseg.nii.gz`), labels, { intent: "labels" }),
    ]);
  }
  await writeFile(join(folder, person.id, `${person.id}_sessions.tsv`), sessionsTable(records));
  return records;
}
