/** A data set prepared for classification: registered, evened out, cut, scaled, judged; resumed where it stopped. */
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { fail } from "../core/errors.js";
import { openPool } from "../core/pool.node.js";
import type { Case, DataSet } from "../io/dataset.js";
import { joinPath } from "../io/files.js";
import { sha256 } from "../io/fingerprint.js";
import { nodeFiles, openDataSet, readVolume, writeTable, writeVolume } from "../io/node.js";
import { peekVolumeFrom } from "../io/peek.js";
import { version } from "../version.js";
import { describeGridDifference } from "../volume/affine.js";
import { crop } from "../volume/crop.js";
import { canonicalGrid, toCanonical } from "../volume/orient.js";
import type { ImageVolume } from "../volume/volume.js";
import { judgeAlignment } from "./align.js";
import { claimFolder, copyTables, finished } from "./folder.node.js";
import { planesPicture } from "./picture.js";
import { type Flagged, flagScans, type Judged } from "./quality.js";
import { type PrepareSettings, templateBox, usualPreparation } from "./scan.js";
import { type PreparationRecord, type PrepareSetup, type PrepareTask, workerModule } from "./worker.node.js";

export interface PrepareRequest extends Partial<PrepareSettings> {
  readonly dataDir: string;
  readonly outDir: string;
  /** The image that everybody is brought to; not needed for registered data. */
  readonly template?: string;
  /** BIDS: which images, by suffix. Default T1w. */
  readonly suffix?: string;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  onProgress?(done: number, total: number, id: string): void;
}

export interface PrepareSummary {
  readonly folder: string;
  readonly scans: number;
  /** How many were there from an earlier, interrupted run. */
  readonly kept: number;
  /** Scans that a person should look at, the worst first. */
  readonly flagged: readonly Flagged[];
  /** `quality.tsv`: every scan's figures. */
  readonly quality: string;
  /** Pictures of flagged scans over the template, the worst twenty. */
  readonly figures: readonly string[];
}

/**
 * Prepare every scan of a BIDS folder into a new one with the same names and tables, so that everything that reads the
 * one reads the other: affine registration to the template, bias correction, a common box, scaled intensities, and
 * figures of how well each scan lies. Each image has a sidecar with its source, its hash and its transform. An
 * interrupted run goes on with the same command; a folder made with other settings is refused.
 *
 * Throws `bad-argument` without a template where one is needed, `geometry` where data declared as registered lie on
 * different grids, `exists`, `disk`, and what reading throws.
 */
export async function prepareScans(request: PrepareRequest): Promise<PrepareSummary> {
  const { dataDir, outDir, signal, onProgress } = request;
  const settings = settingsOf(request);
  const dataset = await openDataSet(dataDir, { channels: [request.suffix ?? "T1w"] });
  if (dataset.kind !== "bids")
    fail("bad-data", {
      what: "the data set is not in BIDS",
      where: dataDir,
      expected: "folders sub-*, so that sessions keep their subjects",
      fix: "Arrange it as BIDS",
    });
  const template = await templateOf(request, settings);
  if (settings.registered) await requireOneGrid(dataset, template);
  await claimFolder(outDir, { settings, template: template?.sha256 ?? null, version });
  await copyTables(dataset, outDir);
  const tasks = dataset.cases.map((one) => taskOf(one, dataset, outDir));
  const records = new Map<string, PreparationRecord>();
  for (const task of tasks) {
    const kept = await finished(task, settings, template?.sha256 ?? null);
    if (kept !== undefined) records.set(task.id, kept);
  }
  const kept = records.size;
  const waiting = tasks.filter(({ id }) => !records.has(id));
  const threads = Math.max(1, Math.min(request.threads ?? availableParallelism(), waiting.length));
  if (waiting.length > 0) {
    const pool = await openPool<PrepareSetup, PrepareTask, PreparationRecord>(
      workerModule,
      { template, settings },
      threads,
    );
    try {
      let next = 0;
      await Promise.all(
        Array.from({ length: threads }, async () => {
          while (next < waiting.length) {
            if (signal?.aborted)
              fail("runtime", {
                what: "the preparation was interrupted",
                where: outDir,
                found: `${records.size} of ${tasks.length} scans prepared`,
                fix: "Run the same command again: it goes on from here",
              });
            const task = waiting[next++]!;
            records.set(task.id, await pool.run(task));
            onProgress?.(records.size, tasks.length, task.id);
          }
        }),
      );
    } finally {
      await pool.close();
    }
  }
  return conclude(outDir, tasks, records, kept, { template, settings });
}

function settingsOf(request: PrepareRequest): PrepareSettings {
  const settings: PrepareSettings = {
    registered: request.registered ?? usualPreparation.registered,
    biasCorrection: request.biasCorrection ?? usualPreparation.biasCorrection,
    crop: request.crop ?? usualPreparation.crop,
    intensity: request.intensity ?? usualPreparation.intensity,
  };
  if (request.template === undefined && !settings.registered)
    fail("bad-argument", {
      what: "there is no template to register the scans to",
      where: "--template",
      expected: "a T1-weighted average in the space that the scans should come to, such as MNI's",
      fix: "Give one, or declare the data as registered with --registered",
    });
  return settings;
}

async function templateOf(
  { template: path }: PrepareRequest,
  { registered }: PrepareSettings,
): Promise<PrepareSetup["template"]> {
  if (path === undefined) return undefined;
  const { volume } = await readVolume(path, { as: "float32" });
  const { volume: image } = toCanonical(volume);
  if (image.channels !== 1 || image.size.some((n) => n < 8 && !registered))
    fail("bad-data", {
      what: "the template is no volume of a head",
      where: path,
      expected: "one channel, at least 8 voxels along each axis",
      found: `${image.size.join("x")} voxels, ${image.channels} channel(s)`,
    });
  return { image, path: resolve(path), sha256: await sha256(await nodeFiles.read(path)) };
}

/** Data that are declared as registered have to share a grid; a lie would not be seen later. */
async function requireOneGrid(dataset: DataSet, template: PrepareSetup["template"]): Promise<void> {
  const first = await peekVolumeFrom(nodeFiles, dataset.cases[0]!.images[0]!);
  for (const { id, images } of dataset.cases) {
    const difference = describeGridDifference(first, await peekVolumeFrom(nodeFiles, images[0]!), 0.1);
    if (difference !== "")
      fail("geometry", {
        what: "data that are declared as registered lie on different grids",
        where: id,
        expected: `the grid of ${dataset.cases[0]!.id}`,
        found: difference,
        fix: "Leave out --registered and give a --template",
      });
  }
  if (template === undefined) return;
  const difference = describeGridDifference(template.image, canonicalGrid(first), 0.1);
  if (difference !== "")
    fail("geometry", {
      what: "data that are declared as registered lie on another grid than the template",
      where: dataset.root,
      expected: `the grid of ${template.path}`,
      found: difference,
      fix: "Leave out --registered to bring them there, or leave out --template",
    });
}

function taskOf({ id, images }: Case, { root }: DataSet, outDir: string): PrepareTask {
  const scan = images[0]!;
  const inside = scan.startsWith(root) ? scan.slice(root.length).replace(/^[\\/]+/, "") : scan;
  return { id, scan, out: joinPath(outDir, inside.replace(/\.nii(\.gz)?$/, ".nii.gz")) };
}

async function conclude(
  outDir: string,
  tasks: readonly PrepareTask[],
  records: ReadonlyMap<string, PreparationRecord>,
  kept: number,
  setup: PrepareSetup,
): Promise<PrepareSummary> {
  const judged = tasks.flatMap(({ id }): Judged[] => {
    const quality = records.get(id)?.quality;
    return quality === null || quality === undefined ? [] : [{ id, ...quality }];
  });
  if (judged.length === 0) judged.push(...(await judgeByMean(tasks)));
  const flagged = flagScans(judged);
  const why = new Map(flagged.map((scan) => [scan.id, scan.reasons.join("; ")]));
  const path = joinPath(outDir, "quality.tsv");
  await writeTable(path, {
    columns: ["scan", "correlation", "overlap", "flagged"],
    rows: tasks.map(({ id }) => {
      const quality = judged.find((scan) => scan.id === id);
      return {
        scan: id,
        correlation: quality?.correlation.toFixed(4),
        overlap: quality?.overlap.toFixed(4),
        flagged: why.get(id) ?? "no",
      };
    }),
  });
  const figures = await drawFlagged(outDir, tasks, flagged, setup);
  return { folder: resolve(outDir), scans: tasks.length, kept, flagged, quality: path, figures };
}

/** Without a template, the mean of all prepared images stands for it. */
async function judgeByMean(tasks: readonly PrepareTask[]): Promise<Judged[]> {
  const read = async ({ out }: PrepareTask): Promise<ImageVolume> =>
    (await readVolume(out, { as: "float32" })).volume;
  const mean = await read(tasks[0]!);
  mean.data.fill(0);
  for (const task of tasks) {
    const { data } = await read(task);
    for (let v = 0; v < data.length; v++) mean.data[v] = mean.data[v]! + data[v]! / tasks.length;
  }
  const judged: Judged[] = [];
  for (const task of tasks) judged.push({ id: task.id, ...judgeAlignment(await read(task), mean) });
  return judged;
}

/** Pictures of the worst scans, each over the template as it was cut. */
async function drawFlagged(
  outDir: string,
  tasks: readonly PrepareTask[],
  flagged: readonly Flagged[],
  { template, settings }: PrepareSetup,
): Promise<string[]> {
  const drawn: string[] = [];
  const still =
    template === undefined || !settings.crop
      ? template?.image
      : crop(template.image, templateBox(template.image));
  for (const { id } of flagged.slice(0, 20)) {
    const { out } = tasks.find((task) => task.id === id)!;
    const { volume } = await readVolume(out, { as: "float32" });
    const path = joinPath(outDir, "figures", `${id}.png`);
    await mkdir(joinPath(outDir, "figures"), { recursive: true });
    await writeVolume(path, planesPicture(still === undefined ? [volume] : [volume, still]));
    drawn.push(path);
  }
  return drawn;
}
