/** Which prepared scans a person should look at, and why. */
import type { AlignmentQuality } from "./align.js";

/** A scan's figures. */
export interface Judged extends AlignmentQuality {
  readonly id: string;
}

export interface Flagged extends Judged {
  readonly reasons: readonly string[];
}

/** Below these a scan does not lie on the template, whatever the others do. */
const leastCorrelation = 0.5;
const leastOverlap = 0.8;

/**
 * Scans whose correlation or overlap is below a fixed bound, or stands out among the others: more than five median
 * absolute deviations below the median (and at least 0.03), of eight scans or more. The worst first.
 */
export function flagScans(scans: readonly Judged[]): Flagged[] {
  const bounds = (["correlation", "overlap"] as const).map((key) => {
    const values = scans.map((scan) => scan[key]);
    const middle = median(values);
    const spread = median(values.map((x) => Math.abs(x - middle)));
    const apart = scans.length < 8 ? Number.NEGATIVE_INFINITY : middle - Math.max(0.03, 5 * 1.4826 * spread);
    return { key, fixed: key === "correlation" ? leastCorrelation : leastOverlap, apart };
  });
  return scans
    .map((scan) => ({
      ...scan,
      reasons: bounds.flatMap(({ key, fixed, apart }) =>
        scan[key] < fixed
          ? [`${key} ${scan[key].toFixed(3)} is below ${fixed}`]
          : scan[key] < apart
            ? [`${key} ${scan[key].toFixed(3)} stands out from the others (below ${apart.toFixed(3)})`]
            : [],
      ),
    }))
    .filter(({ reasons }) => reasons.length > 0)
    .sort((a, b) => a.correlation - b.correlation);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return sorted.length === 0 ? 0 : (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
