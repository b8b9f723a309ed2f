// One workload: open the engines, see that they agree, time them in turns, ask for their memory.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { EngineError } from "./child.mjs";
import { roundTripNs } from "./cores.mjs";
import { writeData } from "./data.mjs";
import { workloads } from "./networks.mjs";
import { findPeer, openOurs } from "./peers.mjs";
import { ratioOf } from "./table.mjs";

/** Largest relative difference of the first losses, or of a prediction, that still counts as agreement. */
const toleranceOn = (device) => (device === "cpu" ? 1e-3 : 1e-2);
/** Losses that are compared. */
const comparedSteps = 3;

const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

/** Rows of the result, one per peer. Never throws for what an engine does: its row says so. */
export async function measure(id, kind, settings) {
  const folder = mkdtempSync(join(tmpdir(), "gyrus-bench-"));
  try {
    const data = join(folder, "data.safetensors");
    writeData(workloads[id], data);
    const common = { id, workload: workloads[id], kind, data, ...pick(settings) };
    return await measureWith(common, folder, settings);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const pick = ({ threads, device, cpuTime }) => ({ threads, device, cpuTime });

async function measureWith(common, folder, settings) {
  const { say, peers } = settings;
  const { id, kind, workload } = common;
  say(`${id} ${kind}: ${workload.title}`);
  const outputOf = (name) => ({ output: join(folder, `${name}.bin`) });
  const ours = await openOurs({ ...common, ...outputOf("ours") });
  const opened = [];
  try {
    const first = await firstResults(ours);
    for (const name of peers)
      opened.push(await openPeer(name, { ...common, ...outputOf(name) }, first, settings));
    const running = opened.flatMap(({ engine }) => engine ?? []);
    const before = await roundTripNs();
    const turns = await takeTurns([ours, ...running], settings);
    const coresApartNs = [before, await roundTripNs()];
    const { peakBytes } = await ours.ask("memory");
    const mine = { seconds: median(turns.get(ours)), peakBytes, coresApartNs, about: ours.about };
    const rows = [];
    for (const one of opened) {
      const memory = one.engine && (await one.engine.ask("memory"));
      const theirs = one.engine && { seconds: median(turns.get(one.engine)), peakBytes: memory.peakBytes };
      rows.push(rowOf(common, mine, one, theirs));
      say(`  ${one.peer}: ${ratioOf(rows.at(-1)) || (one.error ?? one.note)}`);
    }
    return rows;
  } finally {
    await Promise.all([ours, ...opened.map(({ engine }) => engine)].map((engine) => engine?.close()));
  }
}

/** A peer that agrees with us and is warm, or the reason why there is none. */
async function openPeer(name, settings, first, run) {
  const peer = await findPeer(name, settings, run);
  if (peer.missing !== undefined) return { peer: peer.name, note: peer.missing };
  let engine;
  try {
    engine = await peer.open();
    const { parameters } = engine.about;
    const expected = settings.workload.parameters;
    if (parameters !== expected)
      throw new EngineError(`${parameters} parameters where ${expected} are wanted`);
    const difference = compare(settings.kind, first, await firstResults(engine, peer.limitSeconds));
    const found = { peer: engine.about.version, engine, difference, variant: peer.variant };
    if (difference <= toleranceOn(settings.device)) return found;
    return { ...found, error: `disagrees with ours: relative difference ${difference.toExponential(1)}` };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    await engine?.close();
    const known = engine?.about.version ?? peer.name;
    if (error.seconds !== undefined)
      return { peer: known, note: `a step takes more than ${error.seconds} s`, atLeast: error.seconds };
    return peer.mayFail ? { peer: known, note: error.message } : { peer: known, error: error.message };
  }
}

/** The first results of an engine, one step at a time, each within the limit. */
async function firstResults(engine, limitSeconds) {
  const losses = [];
  let answer;
  for (let n = 0; n < comparedSteps; n++) {
    answer = await engine.ask("check 1", limitSeconds);
    if (answer.losses === undefined) return answer;
    losses.push(...answer.losses);
  }
  return { losses };
}

function compare(kind, ours, theirs) {
  const read = (answer) =>
    answer.losses ?? new Float32Array(new Uint8Array(readFileSync(answer.output)).buffer);
  return largestDifference(kind, read(ours), read(theirs));
}

/**
 * How far two results are apart: of losses the largest relative difference, of a prediction the largest difference
 * relative to the largest value. NaN agrees with nothing, neither do results of different lengths.
 */
export function largestDifference(kind, a, b) {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let scale = 0;
  for (let i = 0; i < a.length; i++) {
    const [difference, size] = [Math.abs(a[i] - b[i]), Math.abs(a[i])];
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, kind === "train" ? difference / size : difference);
    scale = Math.max(scale, size);
  }
  return kind === "train" ? largest : largest / scale;
}

/**
 * Seconds of every engine's steps. All take turns of about equal length, so that a slow minute hits all alike. An
 * engine whose single step takes longer than that sits out as many rounds as it has overdrawn.
 */
async function takeTurns(engines, { rounds, secondsPerTurn, secondsOverdrawn }) {
  const clocks = new Map();
  for (const engine of engines) {
    const [warm] = await engine.ask("steps 1");
    const count = Math.min(100, Math.max(1, Math.round(secondsPerTurn / warm)));
    clocks.set(engine, { seconds: [], count, spent: 0 });
  }
  for (let round = 0; round < rounds; round++)
    for (const [engine, clock] of clocks) {
      if (clock.spent > secondsOverdrawn * (round + 1)) continue;
      // An engine's threads look for work for a while after its last step.
      await pause(30);
      const began = performance.now();
      clock.seconds.push(...(await engine.ask(`steps ${clock.count}`)));
      clock.spent += (performance.now() - began) / 1000;
    }
  return new Map([...clocks].map(([engine, { seconds }]) => [engine, seconds]));
}

function rowOf({ id, kind, workload, threads, device, cpuTime }, mine, one, theirs) {
  const agreement = kind === "train" ? "lossDifference" : "outputDifference";
  const lowest = one.atLeast === undefined ? null : one.atLeast / mine.seconds;
  return {
    workload: id,
    kind,
    peer: one.peer,
    ours: mine.seconds,
    theirs: theirs ? theirs.seconds : null,
    ratio: theirs ? theirs.seconds / mine.seconds : null,
    memoryRatio: theirs ? mine.peakBytes / theirs.peakBytes : null,
    ...(one.error === undefined ? {} : { error: one.error }),
    ...(one.note === undefined ? {} : { note: one.note }),
    ...(lowest === null ? {} : { ratioAtLeast: lowest }),
    ...(one.variant === undefined ? {} : { variant: one.variant }),
    parameters: workload.parameters,
    [agreement]: one.difference ?? null,
    peakBytes: [mine.peakBytes, theirs ? theirs.peakBytes : null],
    sessionSeconds: mine.about.sessionSeconds,
    buildSeconds: mine.about.buildSeconds + mine.about.lowerSeconds,
    coresApartNs: mine.coresApartNs,
    threads,
    device,
    ...(cpuTime ? { cpuTime } : {}),
  };
}
