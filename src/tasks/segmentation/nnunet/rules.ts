/**
 * The numbers behind a plan. Source of `v2`: MIC-DKFZ/nnUNet, `nnunetv2/experiment_planning`, read in 2026; of `v1`:
 * Isensee et al., arXiv 1809.10486 (2018), where what the paper leaves open is said at the place.
 */
export interface PlannerRules {
  /** An axis is thick when its voxels are longer than the next longest times this. */
  readonly anisotropy: number;
  /** Whether a thick and short axis takes the 10th percentile of its spacings instead of the median. */
  readonly finerThickAxis: boolean;
  /** Whether poolings and kernels follow the spacing; else every axis is halved while it is long enough. */
  readonly followSpacing: boolean;
  /** Shortest edge of a feature map; an axis is halved while it has twice as much. */
  readonly shortestEdge: number;
  /** An axis that alone could be halved still needs this many times the shortest edge. */
  readonly loneAxis: number;
  /** Most halvings of an axis in 2-D and 3-D. */
  readonly mostPoolings: Readonly<Record<2 | 3, number>>;
  /** Channels of the first stage; doubled with every stage up to the most. */
  readonly firstWidth: number;
  readonly mostWidth: Readonly<Record<2 | 3, number>>;
  /** Voxels that a patch starts from before anything is cut: a cube or square of the aspect of 1 / spacing. */
  readonly startVoxels: Readonly<Record<2 | 3, number>>;
  /** What a batch may take: numbers out of all convolutions, or voxels, at `batch` samples and `gigabytes`. */
  readonly budget: {
    readonly counts: "activations" | "voxels";
    readonly limit: Readonly<Record<2 | 3, number>>;
    readonly batch: Readonly<Record<2 | 3, number>>;
    readonly gigabytes: number;
  };
  readonly smallestBatch: number;
  /** Whether a batch that is no whole number is rounded, or cut down. */
  readonly roundBatch: boolean;
  /** No more of the data set's voxels in one batch than this share. */
  readonly mostOfDataSet: number;
  /** Below this share of the median image in a patch there is a coarser stage first. */
  readonly lowresBelow: number;
  /** Spacing grows by this factor until the patch covers enough. */
  readonly lowresStep: number;
  /** A coarser stage with less than this times fewer voxels is not worth having. */
  readonly lowresWorth: number;
  /** Order of interpolation of label maps: 1 on one-hot maps, or 0 for the nearest voxel. */
  readonly labelOrder: 0 | 1;
  /** Median share of the volume left after cropping below which statistics are taken inside the non-zero mask. */
  readonly maskBelow: number;
}

export const plannerRules = {
  v2: {
    anisotropy: 3,
    finerThickAxis: true,
    followSpacing: true,
    shortestEdge: 4,
    loneAxis: 3,
    mostPoolings: { 2: Number.POSITIVE_INFINITY, 3: Number.POSITIVE_INFINITY },
    firstWidth: 32,
    mostWidth: { 2: 512, 3: 320 },
    startVoxels: { 2: 2048 ** 2, 3: 256 ** 3 },
    budget: {
      counts: "activations",
      limit: { 2: 85_000_000, 3: 560_000_000 },
      batch: { 2: 12, 3: 2 },
      gigabytes: 8,
    },
    smallestBatch: 2,
    roundBatch: true,
    mostOfDataSet: 0.05,
    lowresBelow: 0.25,
    lowresStep: 1.03,
    lowresWorth: 2,
    labelOrder: 1,
    maskBelow: 3 / 4,
  },
  v1: {
    anisotropy: 3,
    finerThickAxis: false,
    followSpacing: false,
    shortestEdge: 4,
    loneAxis: 2,
    mostPoolings: { 2: 6, 3: 5 },
    firstWidth: 30,
    // From memory of the published code; the paper names the first width only.
    mostWidth: { 2: 480, 3: 320 },
    // Whole images: the paper starts from the median image and cuts it to the budget.
    startVoxels: { 2: Number.POSITIVE_INFINITY, 3: Number.POSITIVE_INFINITY },
    budget: {
      counts: "voxels",
      limit: { 2: 42 * 256 ** 2, 3: 2 * 128 ** 3 },
      batch: { 2: 1, 3: 1 },
      // The paper's networks were made for 12 GB.
      gigabytes: 12,
    },
    smallestBatch: 2,
    roundBatch: false,
    mostOfDataSet: 0.05,
    lowresBelow: 0.25,
    lowresStep: 2,
    lowresWorth: 1,
    labelOrder: 0,
    maskBelow: 3 / 4,
  },
} as const satisfies Readonly<Record<string, PlannerRules>>;

export type RulesName = keyof typeof plannerRules;
