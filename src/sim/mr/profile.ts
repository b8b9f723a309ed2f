/** Shapes of a slice's sensitivity: see `sliceWeights`. */
export const sliceProfiles = ["gaussian", "box", "rf"] as const;
export type SliceProfile = (typeof sliceProfiles)[number];

/** Where slices lie among the voxels of a line, all in voxels. */
export interface SlicePlan {
  readonly extent: number;
  readonly slices: number;
  /** Centre of the first slice, and the distance between centres. */
  readonly first: number;
  readonly step: number;
  /** Full width at half maximum. */
  readonly thickness: number;
  readonly profile: SliceProfile;
}

/**
 * What every voxel of a line counts for in every slice, `[slices, extent]`, each row with sum 1.
 *
 * `gaussian` is sampled at the voxels' centres: the voxels' own blur is the image's, not the slice's. `box` is the
 * share of each voxel that lies in the slice. `rf` is what a sinc pulse of time-bandwidth product 4 under a Hann window
 * excites at small flip angles, the pulse's Fourier transform (Pauly, Nishimura & Macovski 1989): flatter than a
 * Gaussian in the middle, steeper at the sides, with slight negative lobes; averaged over each voxel as the box is.
 */
export function sliceWeights({ extent, slices, first, step, thickness, profile }: SlicePlan): Float64Array {
  const weights = new Float64Array(slices * extent);
  for (let slice = 0; slice < slices; slice++) {
    const centre = first + slice * step;
    let sum = 0;
    for (let n = 0; n < extent; n++) {
      const weight = sensitivity(profile, n - centre, thickness);
      weights[slice * extent + n] = weight;
      sum += weight;
    }
    for (let n = 0; n < extent; n++) weights[slice * extent + n]! /= sum;
  }
  return weights;
}

/** Sensitivity at a distance from the slice's centre, any scale. */
function sensitivity(profile: SliceProfile, away: number, thickness: number): number {
  if (profile === "box") {
    const [low, high] = [Math.max(away - 0.5, -thickness / 2), Math.min(away + 0.5, thickness / 2)];
    return Math.max(0, high - low);
  }
  if (Math.abs(away) > 2 * thickness) return 0;
  if (profile === "gaussian") return Math.exp(-4 * Math.LN2 * (away / thickness) ** 2);
  let sum = 0;
  for (let n = 0; n < pointsPerVoxel; n++)
    sum += pulseResponse((away + (n + 0.5) / pointsPerVoxel - 0.5) / thickness);
  return sum / pointsPerVoxel;
}

const pointsPerVoxel = 8;

const timeBandwidth = 4;
let response: Float64Array | undefined;

/** The response of the windowed sinc at `x` times its width at half maximum, from a table in steps of 1/256. */
function pulseResponse(x: number): number {
  response ??= tabulate();
  const at = Math.abs(x) * 256;
  const n = Math.floor(at);
  return n + 1 < response.length ? response[n]! + (at - n) * (response[n + 1]! - response[n]!) : 0;
}

/** From the middle to 2.6 widths away: one voxel beyond the last that counts. */
function tabulate(): Float64Array {
  const width = widthAtHalf();
  return Float64Array.from({ length: 666 }, (_, n) => transformOfPulse((n / 256) * width));
}

/** Width of the pulse's response at half maximum, over its nominal bandwidth, by halving. */
function widthAtHalf(): number {
  const half = transformOfPulse(0) / 2;
  let [low, high] = [0, 1];
  for (let n = 0; n < 50; n++) {
    const middle = (low + high) / 2;
    if (transformOfPulse(middle) > half) low = middle;
    else high = middle;
  }
  return low + high;
}

/** `∫ sinc(B t) · hann(t) · cos(2π x B t) dt` over the pulse, t from -½ to ½, by Simpson's rule. */
function transformOfPulse(x: number): number {
  const intervals = 200;
  let sum = 0;
  for (let n = 0; n <= intervals; n++) {
    // The integrand is even: half of the pulse is enough.
    const t = n / (2 * intervals);
    const u = Math.PI * timeBandwidth * t;
    const sinc = u === 0 ? 1 : Math.sin(u) / u;
    const hann = 0.5 + 0.5 * Math.cos(2 * Math.PI * t);
    const factor = n === 0 || n === intervals ? 1 : n % 2 === 1 ? 4 : 2;
    sum += factor * sinc * hann * Math.cos(2 * u * x);
  }
  return sum;
}
