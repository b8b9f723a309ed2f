import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { writeVolume } from "../io/node.js";
import { writeWholeFolder } from "../io/whole-folder.node.js";

import {
  imageSidecar,
  participantColumns,
  participantRow,
  participantsDictionary,
  rawDescription,
  readme,
  structureTable,
  truthDescription,
  tsv,
} from "./bids.js";
import type { CohortOptions, SimulatedSubject } from "./cohort.js";
import { coarseStructures, fullStructures } from "./labels.js";
import { simulateInParallel } from "./subjects.node.js";

/** What `writeCohort` has made. */
export interface WrittenCohort {
  readonly folder: string;
  /** Folder of the label maps, within `folder`. */
  readonly truth: string;
  readonly subjects: readonly string[];
}

export interface WriteCohortOptions extends CohortOptions {
  /** The data set's name in `dataset_description.json`. */
  readonly name?: string;
  /** Called after every subject. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Simulate a cohort into a new BIDS data set: images, `participants.tsv`, and the true label maps as the
 * derivative `gyrus-truth`. Written beside its place and moved there at the end, so that a data set is whole or
 * absent. Throws `exists` when the folder holds anything, `bad-argument`, and `disk`.
 */
export async function writeCohort(folder: string, options: WriteCohortOptions): Promise<WrittenCohort> {
  const subjects: string[] = [];
  await writeWholeFolder(folder, async (building) => {
    const truth = await writeHeads(building, options);
    const rows: (readonly string[])[] = [participantColumns];
    for await (const subject of simulateInParallel(options)) {
      await writeSubject(building, truth, subject, options);
      rows.push(participantRow(subject));
      subjects.push(subject.id);
      options.onProgress?.(subjects.length, options.subjects);
    }
    await writeFile(join(building, "participants.tsv"), tsv(rows));
  });
  const target = resolve(folder);
  return { folder: target, truth: join(target, truthFolder), subjects };
}

const truthFolder = join("derivatives", "gyrus-truth");

async function writeHeads(folder: string, options: WriteCohortOptions): Promise<string> {
  const name = options.name ?? "Simulated brains";
  const truth = join(folder, truthFolder);
  await mkdir(truth, { recursive: true });
  await writeFile(join(folder, "dataset_description.json"), rawDescription(name));
  await writeFile(join(folder, "README"), readme(options));
  await writeFile(join(folder, "participants.json"), participantsDictionary());
  await writeFile(join(truth, "dataset_description.json"), truthDescription(name));
  await writeFile(join(truth, "dseg.tsv"), structureTable(coarseStructures));
  await writeFile(join(truth, "desc-full_dseg.tsv"), structureTable(fullStructures));
  return truth;
}

async function writeSubject(
  folder: string,
  truth: string,
  subject: SimulatedSubject,
  options: CohortOptions,
): Promise<void> {
  const { id } = subject;
  const images = join(folder, id, "anat");
  const labels = join(truth, id, "anat");
  await mkdir(images, { recursive: true });
  await mkdir(labels, { recursive: true });
  await Promise.all([
    writeVolume(join(images, `${id}_T1w.nii.gz`), subject.t1, {
      dtype: "int16",
      description: "Gyrus: simulated T1-weighted image",
    }),
    writeFile(join(images, `${id}_T1w.json`), imageSidecar(subject, options)),
    writeVolume(join(labels, `${id}_dseg.nii.gz`), subject.labels, { intent: "labels" }),
    writeVolume(join(labels, `${id}_desc-full_dseg.nii.gz`), subject.fullLabels, { intent: "labels" }),
  ]);
}
