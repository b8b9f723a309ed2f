import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fail, GyrusError } from "../../../core/errors.js";
import { sha256 } from "../../../io/fingerprint.js";
import { loadImage, nodeFiles, writeLabelLike } from "../../../io/node.js";
import { type Peeked, peekVolumeFrom } from "../../../io/peek.js";
import { makeFolder } from "../../../io/whole-folder.node.js";
import { estimateTogether } from "../../../lower/estimate.js";
import type { Lowered } from "../../../lower/lower.js";
import { engineOn } from "../../../runtime/devices.node.js";
import type { Engine } from "../../../runtime/engine.js";
import { shearDegrees } from "../../../volume/affine.js";
import { gib, memoryShare } from "../../memory.node.js";
import type { PredictRequest, PredictSummary } from "../../verbs.js";
import { lowerNetwork, openSource, type Predictor } from "./open.js";
import { segmentCanonical } from "./predict.js";
import { scanBytes } from "./prediction-memory.js";
import type { PredictorPlan } from "./predictor.js";
import { stageOf, stageOrder } from "./predictor.js";
import { gatherScans, peekScan, type ScanFiles } from "./scans.js";
import { shearWarnings } from "./shear.js";
import { findPredictor } from "./source.js";

export interface NnunetPredictRequest extends PredictRequest {
  /** Scans whose files are known already, instead of `scans`. */
  readonly scanFiles?: readonly ScanFiles[];
}

/** A scan, its headers, and the file that its label map goes to. */
interface Job {
  readonly scan: ScanFiles;
  readonly headers: readonly Peeked[];
  readonly target: string;
}

/**
 * Segment scans with an experiment, a fold, an export or one file, scan by scan; each label map is written whole before
 * the next scan is read. Everything that can be known beforehand is checked before the first: channels and grids of all
 * scans from their headers, memory, files in the way. A label map that this model made of this scan is kept, which its
 * header tells, so that what was interrupted goes on; `overwrite` makes it anew. A scan that turns out to be bad does not
 * stop the others: its error comes at the end.
 */
export async function predictNnunet(request: NnunetPredictRequest): Promise<PredictSummary> {
  const { outDir, mirror = true, threads, device = "cpu", overwrite = false, signal } = request;
  const engine = await engineOn(device);
  const source = await findPredictor(nodeFiles, request.model);
  const jobs = await planJobs(request, source.plan);
  const memory = await memoryFor(source.plan, jobs, engine);
  const sheared = jobs.map(({ scan, headers: [first] }) => ({
    id: scan.name,
    shearDegrees: shearDegrees(first!.affine),
  }));
  for (const note of [...source.notes, ...shearWarnings(sheared)]) request.onNote?.(note);
  request.onNote?.(memory.words);
  const options = { keepOpen: memory.keepOpen, ...(threads === undefined ? {} : { threads }) };
  const predictor = await openSource(nodeFiles, source, engine, options);
  try {
    await makeFolder(outDir);
    await removeLeftovers(outDir, jobs);
    const kept = overwrite ? new Set<string>() : await keptTargets(jobs, predictor, mirror);
    const files: PredictSummary["files"][number][] = [];
    const errors: GyrusError[] = [];
    for (const [at, job] of jobs.entries()) {
      if (signal?.aborted) break;
      const { scan, target } = job;
      const named = scan.paths[0]!;
      request.onProgress?.(at, jobs.length, named);
      if (!kept.has(target)) {
        const onWindow = (done: number, total: number, stage: string): void =>
          request.onProgress?.(at, jobs.length, `${named}, ${stage}: window ${done} of ${total}`);
        const error = await predictOne(predictor, job, mirror, onWindow);
        if (error !== undefined) {
          errors.push(error);
          continue;
        }
      }
      files.push({ scan: named, prediction: target, ...(kept.has(target) ? { kept: true } : {}) });
    }
    if (!signal?.aborted) request.onProgress?.(jobs.length, jobs.length, "");
    throwAll(errors, files.length);
    return { files };
  } finally {
    await predictor.close();
  }
}

async function planJobs(
  { scans, scanFiles, outDir }: NnunetPredictRequest,
  plan: PredictorPlan,
): Promise<Job[]> {
  const found = scanFiles ?? (await gatherScans(nodeFiles, scans, plan.channels));
  const jobs: Job[] = [];
  for (const scan of found) {
    const headers = await peekScan(nodeFiles, scan, plan.channels);
    const format = /\.png$/i.test(scan.paths[0]!) ? ".png" : ".nii.gz";
    jobs.push({ scan, headers, target: join(outDir, `${scan.name}_seg${format}`) });
  }
  const twice = jobs.find(({ target }, at) => jobs.slice(0, at).some((other) => other.target === target));
  if (twice !== undefined)
    fail("bad-argument", {
      what: "two scans would both be written to one file",
      where: twice.target,
      found: jobs
        .filter(({ target }) => target === twice.target)
        .map(({ scan }) => scan.paths[0])
        .join(", "),
      fix: "Predict them into different folders",
    });
  return jobs;
}

/**
 * What the largest scan takes, in words, and whether all networks may stay open. Throws `memory` before anything is
 * predicted where even one network at a time does not fit.
 */
async function memoryFor(
  plan: PredictorPlan,
  jobs: readonly Job[],
  engine: Engine,
): Promise<{ readonly keepOpen: boolean; readonly words: string }> {
  const all: Lowered[] = [];
  let one = 0;
  for (const name of stageOrder(plan)) {
    const { model, files } = stageOf(plan.stages, name);
    const lowered = await lowerNetwork(nodeFiles, files[0]!, model, engine);
    one = Math.max(one, estimateTogether([lowered]));
    all.push(...files.map(() => lowered));
  }
  const free = memoryShare * process.availableMemory();
  const sizes = jobs.map(({ headers }) => scanBytes(plan, headers));
  const largest = sizes.reduce((best, bytes, at) => (bytes > sizes[best]! ? at : best), 0);
  const keepOpen = estimateTogether(all) + sizes[largest]! <= free;
  const bytes = (keepOpen ? estimateTogether(all) : one) + sizes[largest]!;
  const { scan, headers } = jobs[largest]!;
  const size = headers[0]!.size.join("x");
  if (bytes > free)
    fail("memory", {
      what: "predicting this scan does not fit into memory",
      where: scan.paths[0],
      expected: `at most ${gib(free)}`,
      found: `an estimate of ${gib(bytes)} for ${size} voxels and one network at a time`,
      fix: "Close other programs, crop the scan to the part that matters, or use a machine with more memory",
    });
  const networks = `${all.length} network${all.length === 1 ? "" : "s"} (${stageOrder(plan).join(", ")})`;
  const turns = keepOpen ? "" : ", opened one at a time";
  return {
    keepOpen,
    words: `${networks}${turns}; the largest scan (${scan.name}, ${size} voxels) takes about ${gib(bytes)} of ${gib(free)} free`,
  };
}

/** What a killed run was in the middle of writing. */
async function removeLeftovers(dir: string, jobs: readonly Job[]): Promise<void> {
  const targets = new Set(jobs.map(({ target }) => target));
  for (const name of await readdir(dir)) {
    const whole = name.replace(/\.[0-9a-f]{12}\.part$/, "");
    if (whole !== name && targets.has(join(dir, whole))) await rm(join(dir, name), { force: true });
  }
}

/** What a label map says in its header: which model made it, and of which scan. */
async function descriptionOf(
  { scan }: Job,
  predictor: Predictor,
  mirror: boolean,
): Promise<{ readonly model: string; readonly whole: string }> {
  const text = new TextEncoder();
  const model = await sha256(text.encode(`${predictor.identity} ${mirror}`));
  const parts: string[] = [];
  for (const path of scan.paths) parts.push(await sha256(await nodeFiles.read(path)));
  const bytes = await sha256(text.encode(parts.join(" ")));
  const begin = `Gyrus nnunet ${model.slice(0, 16)}`;
  return { model: begin, whole: `${begin} scan ${bytes.slice(0, 16)}` };
}

/** Targets that need not be made. Throws `exists` where something else lies in the way. */
async function keptTargets(
  jobs: readonly Job[],
  predictor: Predictor,
  mirror: boolean,
): Promise<Set<string>> {
  const kept = new Set<string>();
  for (const job of jobs) {
    const { target } = job;
    // What is no label map, or cannot be read, says nothing of itself.
    const description = await peekVolumeFrom(nodeFiles, target).then(
      (there) => there.description ?? "",
      (cause: unknown) => {
        if (!(cause instanceof GyrusError)) throw cause;
        return cause.kind === "not-found" ? undefined : "";
      },
    );
    if (description === undefined) continue;
    const { model, whole } = await descriptionOf(job, predictor, mirror);
    if (description === whole) kept.add(target);
    else
      fail("exists", {
        what: "a file is in the way",
        where: target,
        expected: `nothing, or what this model made of ${job.scan.paths[0]}`,
        found: description.startsWith(model)
          ? "what it made of a scan with other content"
          : description.startsWith("Gyrus nnunet")
            ? "what another model made, or other settings"
            : "another file",
        fix: "Give another --out, or --overwrite to replace it",
      });
  }
  return kept;
}

/** The error of a scan that cannot be used; anything else is thrown. */
async function predictOne(
  predictor: Predictor,
  job: Job,
  mirror: boolean,
  onWindow: (done: number, total: number, stage: string) => void,
): Promise<GyrusError | undefined> {
  const { scan, target } = job;
  const where = scan.paths[0]!;
  try {
    const { image, native } = await loadImage(scan.paths, predictor.plan.channels);
    const labels = await segmentCanonical(predictor, image, { mirror, where, onWindow });
    const { whole } = await descriptionOf(job, predictor, mirror);
    await writeLabelLike(target, labels, native, labelValuesOf(predictor.plan), whole);
    return undefined;
  } catch (error) {
    const scansOwn = ["bad-data", "bad-file", "geometry", "not-found"];
    if (error instanceof GyrusError && scansOwn.includes(error.kind)) return error;
    throw error;
  }
}

function labelValuesOf({ stages, ensemble }: PredictorPlan): readonly number[] {
  return stageOf(stages, ensemble[0]!).model.plan.dataset.labelValues;
}

function throwAll([first, ...rest]: readonly GyrusError[], done: number): void {
  if (first === undefined) return;
  const others = rest.map(({ details }) => details.where ?? "another scan").slice(0, 3);
  const more =
    rest.length === 0
      ? ""
      : `; ${rest.length} more could not be used either (${others.join(", ")}${rest.length > 3 ? ", …" : ""})`;
  throw new GyrusError(first.kind, {
    ...first.details,
    fix: `${first.details.fix ?? "Leave it out"}${more}. ${done} other scan${done === 1 ? " is" : "s are"} done and kept`,
    cause: first,
  });
}
