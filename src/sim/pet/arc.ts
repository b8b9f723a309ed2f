import { sinogramLength } from "./geometry.js";

/** Bins of a ring of detectors: bin b is the strip between `radiusMm · sin((b - axisBin ± 1/2) · stepRadians)`. */
export interface RingBins {
  readonly bins: number;
  readonly axisBin: number;
  readonly radiusMm: number;
  readonly stepRadians: number;
}

/** Evenly spaced bins, as many as the ring's cover wholly on both sides, the axis in the middle one. */
export interface EvenBins {
  readonly bins: number;
  readonly axisBin: number;
  readonly binSizeMm: number;
}

/** The even bins that take the place of a ring's. */
export function evenBinsOf({ bins, axisBin, radiusMm, stepRadians }: RingBins, binSizeMm: number): EvenBins {
  const edge = radiusMm * Math.sin((Math.min(axisBin, bins - 1 - axisBin) + 0.5) * stepRadians);
  const half = Math.max(0, Math.floor(edge / binSizeMm - 0.5 + 1e-9));
  return { bins: 2 * half + 1, axisBin: half, binSizeMm };
}

/**
 * Arc correction: views of a ring, whose bins crowd towards the edge, on evenly spaced ones. `counts` are shared out
 * by overlap, which keeps their sum; of `factors` (attenuation, efficiency) every new bin gets the mean.
 */
export function arcCorrect(
  views: Float32Array,
  ring: RingBins,
  even: EvenBins,
  kind: "counts" | "factors",
): Float32Array {
  const rows = views.length / ring.bins;
  const out = new Float32Array(sinogramLength({ views: rows, bins: even.bins }));
  const edge = (b: number): number => ring.radiusMm * Math.sin((b - 0.5 - ring.axisBin) * ring.stepRadians);
  for (let to = 0; to < even.bins; to++) {
    const left = (to - 0.5 - even.axisBin) * even.binSizeMm;
    const right = left + even.binSizeMm;
    for (let from = 0; from < ring.bins; from++) {
      const [low, high] = [edge(from), edge(from + 1)];
      const shared = Math.min(right, high) - Math.max(left, low);
      if (shared <= 0) continue;
      const weight = shared / (kind === "counts" ? high - low : even.binSizeMm);
      for (let row = 0; row < rows; row++)
        out[row * even.bins + to] = out[row * even.bins + to]! + weight * views[row * ring.bins + from]!;
    }
  }
  return out;
}
