import { fail } from "../../core/errors.js";
import { rng } from "../../core/rng.js";
import { bodySlice } from "./body.js";
import { diffused } from "./diffuse.js";
import { imageGrid, type PetGeometry, withImageSize } from "./geometry.js";
import { drawPetHead } from "./head.js";
import { meanOverBlocks, type PetSlice } from "./scan.js";
import { type Tracer, tracers } from "./uptake.js";

/** What is in the scanner: heads from the brain phantom, bodies of ellipses. */
export const phantomKinds = ["brain", "body"] as const;
export type PhantomKind = (typeof phantomKinds)[number];

export interface PhantomOptions {
  readonly geometry: PetGeometry;
  /** Persons; kinds and tracers take turns. */
  readonly phantoms: number;
  readonly slicesPerPhantom: number;
  readonly seed: number;
  readonly kinds?: readonly PhantomKind[];
  readonly tracers?: readonly Tracer[];
  /** Slices are drawn with this many pixels for each of the image, along both sides: as `buildScanner` wants them. */
  readonly oversampling?: number;
  /** Of heads: see `HeadOptions`. */
  readonly samplesPerEdge?: number;
  readonly sliceThicknessMm?: number;
  /** Chance of every slice that its uptake does not keep to structures (`diffused`); default 0. */
  readonly diffuse?: number;
}

/** One slice of one phantom. */
export interface PhantomSlice extends PetSlice {
  /** `brain-001` and so on: what splits keep together. */
  readonly phantom: string;
  readonly kind: PhantomKind;
  readonly tracer?: Tracer;
  /** `brain-001_slice-2`. */
  readonly id: string;
  /** The activity on the image's pixels, kBq/ml: what a reconstruction should find. */
  readonly truth: Float32Array;
}

/**
 * Slices of simulated persons, one after the other: anatomy, uptake and lesions of each person, shift, turn and zoom
 * of each slice. A slice depends on the seed and its numbers alone, so any can be drawn again.
 */
export function* phantomSlices(options: PhantomOptions): Generator<PhantomSlice, void, void> {
  for (let n = 0; n < options.phantoms; n++) yield* slicesOfPhantom(options, n);
}

/** The slices of one phantom, by its number from 0. */
export function slicesOfPhantom(options: PhantomOptions, number: number): PhantomSlice[] {
  const {
    geometry,
    slicesPerPhantom,
    seed,
    oversampling = 2,
    sliceThicknessMm = 3.27,
    diffuse = 0,
  } = options;
  const kinds = options.kinds ?? phantomKinds;
  const ofTracer = options.tracers ?? tracers;
  if (kinds.length === 0 || ofTracer.length === 0)
    fail("bad-argument", {
      what: "there is nothing to draw phantoms of",
      where: kinds.length === 0 ? "kinds" : "tracers",
      expected: (kinds.length === 0 ? phantomKinds : tracers).join(", "),
      found: "an empty list",
    });
  const kind = kinds[number % kinds.length]!;
  const tracer = ofTracer[Math.floor(number / kinds.length) % ofTracer.length]!;
  const draw = rng(seed).split("phantom", kind, number);
  const phantom = `${kind}-${String(number + 1).padStart(3, "0")}`;
  const fine = withImageSize(geometry, geometry.imageSize * oversampling);
  const grid = imageGrid(fine, sliceThicknessMm);
  const { samplesPerEdge } = options;
  const finely = samplesPerEdge === undefined ? {} : { samplesPerEdge };
  const head = kind === "brain" ? drawPetHead(draw.split("head"), { tracer, ...finely }) : undefined;
  return Array.from({ length: slicesPerPhantom }, (_, n): PhantomSlice => {
    const slice = head?.slice(draw.split("slice", n), grid) ?? bodySlice(draw.split("slice", n), grid);
    const spread = draw.split("diffuse", n);
    const activity = spread.split("any").chance(diffuse)
      ? diffused(spread, slice.activity, fine)
      : slice.activity;
    return {
      ...slice,
      activity,
      phantom,
      kind,
      ...(kind === "brain" ? { tracer } : {}),
      id: `${phantom}_slice-${n + 1}`,
      truth: meanOverBlocks(activity, fine.imageSize, oversampling),
    };
  });
}
