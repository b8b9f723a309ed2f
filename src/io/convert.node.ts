import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fail, GyrusError } from "../core/errors.js";
import { writeConvertedCase } from "./convert-case.node.js";
import { openDataSetFrom } from "./dataset.js";
import { unlabelledScansOf } from "./dataset-msd.js";
import type { Case, DataSet, DataSetOptions } from "./dataset-types.js";
import { nodeFiles } from "./disk.node.js";
import { baseName } from "./files.js";
import { readVolumeFrom } from "./formats.js";
import {
  labelsForJson,
  mostValues,
  type Remap,
  type RemapChoice,
  remapFor,
  remappedValues,
  type ValueCounts,
} from "./remap.js";
import { requireFree, writeWholeFolder } from "./whole-folder.node.js";

export interface ConvertOptions {
  readonly dataset?: DataSetOptions;
  readonly remap?: RemapChoice;
  /** Grids of one case may differ by so much; the files written have the first image's. Default 0.001 mm. */
  readonly toleranceMm?: number;
  readonly onProgress?: (done: number, total: number, name: string) => void;
  readonly signal?: AbortSignal;
}

export interface Converted {
  readonly folder: string;
  readonly kind: DataSet["kind"];
  readonly training: number;
  readonly test: number;
  /** Values of the label files that were changed. */
  readonly remap: Remap;
  readonly warnings: readonly string[];
}

/**
 * Write a data set in the Decathlon's layout: `imagesTr`, `labelsTr`, `imagesTs`, one file a case (4-D where there are
 * several channels), and a `dataset.json` that also says whose scan each is. Sources are whatever `openDataSet`
 * opens: nnU-Net's raw folders, BIDS with derivatives, pairs of folders. Files that need no change are copied byte by
 * byte. Every case is checked; the folder appears whole, or not at all when anything is wrong or it is interrupted.
 * Throws the first problem with the number of the others; `exists` for a folder that is not empty.
 */
export async function convertDataSet(
  source: string,
  out: string,
  options: ConvertOptions = {},
): Promise<Converted> {
  await requireFree(out);
  const dataset = await openDataSetFrom(nodeFiles, source, options.dataset);
  const labelled = dataset.cases.filter(({ label }) => label !== undefined);
  const others = dataset.cases.filter(({ label }) => label === undefined);
  const scans = [...others, ...(await unlabelledScansOf(nodeFiles, dataset))];
  const problems = problemsOf(source);
  const { counts, fileWith } = await storedValues(labelled, problems);
  problems.throwIfAny();
  const remap = remapFor(options.remap, counts, dataset, (value) => fileWith.get(value) ?? source);
  const warnings: string[] = [];
  await writeWholeFolder(out, async (part) => {
    for (const name of ["imagesTr", "labelsTr", "imagesTs"])
      await mkdir(join(part, name), { recursive: true });
    const all = [...labelled, ...scans];
    for (const [at, one] of all.entries()) {
      stopIfAborted(options.signal);
      const folder = at < labelled.length ? "imagesTr" : "imagesTs";
      await problems.gather(async () => {
        const warning = await writeConvertedCase(one, dataset.channels, {
          imageFolder: join(part, folder),
          labelFolder: join(part, "labelsTr"),
          remap,
          toleranceMm: options.toleranceMm ?? 1e-3,
        });
        if (warning !== undefined) warnings.push(warning);
      });
      options.onProgress?.(at + 1, all.length, one.id);
    }
    problems.throwIfAny();
    const text = describe(dataset, labelled, scans, options.remap);
    await nodeFiles.write(join(part, "dataset.json"), new TextEncoder().encode(text));
  });
  const changed = new Map([...remap].filter(([from, to]) => from !== to));
  return {
    folder: out,
    kind: dataset.kind,
    training: labelled.length,
    test: scans.length,
    remap: changed,
    warnings,
  };
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    fail("runtime", { what: "interrupted; nothing was written", fix: "Give the same command again" });
}

/** What is wrong with single cases, gathered so that one run tells how many there are. */
interface Problems {
  gather(work: () => Promise<void>): Promise<void>;
  throwIfAny(): void;
}

function problemsOf(source: string): Problems {
  const found: GyrusError[] = [];
  return {
    gather: async (work) => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof GyrusError) || ["disk", "memory", "runtime"].includes(error.kind)) throw error;
        found.push(error);
      }
    },
    throwIfAny: () => {
      const [first, ...rest] = found;
      if (first === undefined) return;
      if (rest.length === 0) throw first;
      const names = rest.slice(0, 3).map(({ details }) => baseName(details.where ?? "another case"));
      const more = `${rest.length} more case(s) have problems (${names.join(", ")}${rest.length > 3 ? ", …" : ""}); gyrus inspect ${source} lists all`;
      throw new GyrusError(first.kind, {
        ...first.details,
        fix: [first.details.fix, more].filter(Boolean).join(". "),
        cause: first,
      });
    },
  };
}

/** Every value in the label files, with the number of files that hold it and the first of them. */
interface StoredValues {
  readonly counts: ValueCounts;
  readonly fileWith: ReadonlyMap<number, string>;
}

async function storedValues(cases: readonly Case[], problems: Problems): Promise<StoredValues> {
  const counts = new Map<number, number>();
  const fileWith = new Map<number, string>();
  for (const { label } of cases)
    await problems.gather(async () => {
      const { volume } = await readVolumeFrom(nodeFiles, label!);
      const own = new Set<number>();
      for (let at = 0; at < volume.data.length; at++) {
        const value = volume.data[at]!;
        if (own.has(value)) continue;
        own.add(value);
        if (own.size > mostValues || !Number.isFinite(value))
          fail("bad-data", {
            what: Number.isFinite(value)
              ? "the label file holds grey levels"
              : "the label map holds non-finite values",
            where: label!,
            expected: `at most ${mostValues} different values`,
            found: Number.isFinite(value) ? "more" : `${value} at voxel ${at}`,
            fix: "Threshold it where it was made; interpolate labels by nearest neighbour only",
          });
      }
      for (const value of own) {
        counts.set(value, (counts.get(value) ?? 0) + 1);
        if (!fileWith.has(value)) fileWith.set(value, label!);
      }
    });
  return { counts, fileWith };
}

function describe(
  dataset: DataSet,
  labelled: readonly Case[],
  scans: readonly Case[],
  choice: RemapChoice | undefined,
): string {
  const { name, channels, dimensions, kind } = dataset;
  const known = (one: Case) => ({
    ...(one.subject === one.id ? {} : { subject: one.subject }),
    ...(one.session === undefined ? {} : { session: one.session }),
  });
  const json = {
    name,
    description: `Converted by Gyrus from ${kind === "msd" ? "a folder with a dataset.json" : kind === "bids" ? "BIDS" : "folders of pairs"}`,
    tensorImageSize: dimensions === 2 ? "2D" : channels.length > 1 ? "4D" : "3D",
    modality: Object.fromEntries(channels.map((channel, at) => [String(at), channel])),
    ...labelsForJson(dataset, remappedValues(choice, dataset)),
    numTraining: labelled.length,
    numTest: scans.length,
    training: labelled.map((one) => ({
      image: `./imagesTr/${one.id}.nii.gz`,
      label: `./labelsTr/${one.id}.nii.gz`,
      ...known(one),
    })),
    test: scans.map(({ id }) => `./imagesTs/${id}.nii.gz`),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}
