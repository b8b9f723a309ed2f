import { rng } from "../../core/rng.js";
import { type PhantomKind, phantomKinds, slicesOfPhantom } from "../../sim/pet/phantoms.js";
import { buildScanner } from "../../sim/pet/scan.js";
import { drawScan, type TrainingScan } from "../../tasks/reconstruction/draw.js";
import { type Extent, geometryOf, type LevelName, levels } from "./plan.js";

/** A slice with what the study has to know of it. */
export interface StudyScan extends TrainingScan {
  /** A phantom's kind, or the name of a real image. */
  readonly kind: PhantomKind | "image";
}

/** Slices for the parts of the study; nobody is in two of them. */
export interface StudyData {
  readonly training: readonly StudyScan[];
  readonly validation: readonly StudyScan[];
  readonly test: readonly StudyScan[];
  /** Slices of real images, which no phantom was made after. */
  readonly unseen: readonly StudyScan[];
}

/** Phantoms by number from 0: those for training first, then those for validation, then those for the test. */
export interface PhantomTask {
  readonly number: number;
  readonly slices: number;
  /** 1 is quick and good enough to learn from. */
  readonly samplesPerEdge: 1 | 2;
  readonly diffuse: number;
}

export function phantomTasks({
  trainPhantoms,
  slicesPerPhantom,
  diffuse,
  validationPhantoms,
  testPhantoms,
}: Extent): PhantomTask[] {
  const held = validationPhantoms + testPhantoms;
  return Array.from({ length: trainPhantoms + held }, (_, number) =>
    number < trainPhantoms
      ? { number, slices: slicesPerPhantom, samplesPerEdge: 1, diffuse }
      : { number, slices: 1, samplesPerEdge: 2, diffuse: 0 },
  );
}

/** The slices of a phantom, scanned; they are counted anew for whatever they are used. */
export function phantomMaker(extent: Extent, seed: number): (task: PhantomTask) => StudyScan[] {
  const geometry = geometryOf(extent);
  const scanner = buildScanner(geometry);
  return ({ number, slices, samplesPerEdge, diffuse }) =>
    slicesOfPhantom(
      { geometry, phantoms: number + 1, slicesPerPhantom: slices, seed, samplesPerEdge, diffuse },
      number,
    ).map(({ id, phantom, truth, ...slice }) => {
      const { trues, ...scan } = scanner.simulate(slice, rng(seed).split("scan", id), { counts: 1e6 });
      return { id, phantom, kind: phantomKinds[number % phantomKinds.length]!, scan, trues, truth };
    });
}

/** The same slices as they are counted at a level: the same counts for every method. */
export function countedAt(scans: readonly StudyScan[], level: LevelName, seed: number): StudyScan[] {
  const { counts } = levels.find(({ name }) => name === level)!;
  return scans.map((one) => {
    const draw = rng(seed).split("level", level, one.id);
    return { ...one, scan: drawScan(one, draw, { counts: [counts, counts], mirror: false }).scan };
  });
}

/** Indices of the slices that are shown: two of each kind, spread over those there are. */
export function shownOf(scans: readonly StudyScan[]): number[] {
  const kinds = [...new Set(scans.map(({ kind }) => kind))];
  return kinds.flatMap((kind) => {
    const own = scans.flatMap((one, n) => (one.kind === kind ? [n] : []));
    const count = Math.min(2, own.length);
    return Array.from({ length: count }, (_, n) => own[Math.floor(((n + 0.5) * own.length) / count)]!);
  });
}
