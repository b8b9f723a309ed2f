import { fail } from "../../../core/errors.js";
import type { DataSet } from "../../../io/dataset-types.js";
import type { DataFingerprint } from "./fingerprint.js";
import { schemeOf } from "./normalization.js";
import { percentilePerAxis, product, roundHalfEven } from "./numbers.js";
import { type PatchPlan, planPatch } from "./patch.js";
import type { Configuration, ConfigurationName, Plan } from "./plan.js";
import { type PlannerRules, plannerRules, type RulesName } from "./rules.js";
import { axisOrder, coarserSize, coarserSpacing, coverage, resampledSize, targetSpacing } from "./spacing.js";

export interface PlanOptions {
  /** Default "v2". */
  readonly rules?: RulesName;
  /** Memory of the device that trains, in GB; default what the rules were made for: 8 (v2), 12 (v1). */
  readonly memoryGb?: number;
}

/** What a plan takes from a data set beside its fingerprint. */
export type PlannedDataSet = Pick<
  DataSet,
  "name" | "background" | "labels" | "labelValues" | "regions" | "ignoredClass"
>;

/** Coarser stages are searched for in steps of 3 %: this many are a factor of a thousand, so something is wrong. */
const mostSteps = 250;

/**
 * Plan a data set by its fingerprint: target spacing, order of axes, normalisation, and for 2-D, 3-D at full
 * resolution and, where a patch covers less than a quarter of an image, a coarser 3-D stage with its cascade:
 * patch, batch and topology within the memory given. Throws `memory` where no patch fits it.
 */
export function planDataSet(
  fingerprint: DataFingerprint,
  dataset: PlannedDataSet,
  { rules: name = "v2", memoryGb }: PlanOptions = {},
): Plan {
  const rules: PlannerRules = plannerRules[name];
  const gigabytes = memoryGb ?? rules.budget.gigabytes;
  if (!(gigabytes > 0 && Number.isFinite(gigabytes)))
    fail("bad-argument", {
      what: "the memory to plan for is no amount of memory",
      expected: "a positive number of GB",
      found: `${memoryGb}`,
    });
  const { cases } = fingerprint;
  const target = targetSpacing(cases, rules);
  const medianSize = percentilePerAxis(
    cases.map(({ size }) => size),
    50,
  );
  const axes = axisOrder(target.spacingMm, medianSize);
  const ordered = (values: readonly number[]): number[] => axes.map((axis) => values[axis]!);
  const spacingMm = ordered(target.spacingMm);
  const resampled = cases.map((one) => resampledSize(one, target.spacingMm));
  const size = ordered(percentilePerAxis(resampled, 50));
  const question = {
    classes: outputsOf(dataset),
    dataSetVoxels: product(size) * cases.length,
    memoryGb: gigabytes,
  };
  const configurations: Partial<Record<ConfigurationName, Configuration>> = {};
  const [flatSpacing, flatSize] = [spacingMm.slice(1), size.slice(1)];
  const flat = planPatch({ ...question, spacingMm: flatSpacing, medianSize: flatSize }, rules);
  configurations["2d"] = configurationFrom(flat, flatSpacing, flatSize, true, rules);
  if (size[0] !== 1) {
    const full = planPatch({ ...question, spacingMm, medianSize: size }, rules);
    const coarse = lowres(full, spacingMm, size, question, cases.length, rules);
    if (coarse !== undefined) configurations["3d_lowres"] = coarse;
    const fullres = configurationFrom(full, spacingMm, size, coarse !== undefined, rules);
    configurations["3d_fullres"] = fullres;
    if (coarse !== undefined) configurations["3d_cascade_fullres"] = { ...fullres, previous: "3d_lowres" };
  }
  const spacings = cases.map((one) => one.spacingMm);
  return {
    format: "gyrus nnunet plan",
    version: 1,
    rules: name,
    memoryGb: gigabytes,
    dataset: {
      name: dataset.name,
      cases: cases.length,
      classes: [dataset.background, ...dataset.labels.map((label) => label.name)],
      regions: dataset.regions?.map((region) => ({ ...region, classes: [...region.classes] })) ?? null,
      ignoredClass: dataset.ignoredClass ?? null,
      labelValues: [...dataset.labelValues],
      medianSize,
      medianSpacingMm: percentilePerAxis(spacings, 50),
      spacingRangeMm: [0, 1, 2].map((axis): [number, number] => {
        const along = spacings.map((mm) => mm[axis]!);
        return [Math.min(...along), Math.max(...along)];
      }),
      medianRelativeSize: fingerprint.medianRelativeSize,
    },
    axes,
    thickAxis: target.thickAxis === null ? null : axes.indexOf(target.thickAxis),
    channels: fingerprint.channels.map(({ name: channel, foreground }) => {
      const scheme = schemeOf(channel);
      const withinMask = scheme === "zscore" && fingerprint.medianRelativeSize < rules.maskBelow;
      return { name: channel, scheme, withinMask, foreground };
    }),
    resampling: {
      imageOrder: 3,
      labelOrder: rules.labelOrder,
      probabilityOrder: 1,
      separateAbove: rules.anisotropy,
    },
    configurations,
  };
}

/** Outputs that the reference counts: every entry of the label table, background and ignore label included. */
function outputsOf({ labels, regions, ignoredClass }: PlannedDataSet): number {
  return (regions ?? labels).length + 1 + (ignoredClass === undefined ? 0 : 1);
}

/**
 * The coarser stage: spacing grows by steps until a patch covers a quarter of the image; none is wanted where it
 * does already, or where the coarser image has not even half the voxels less.
 */
function lowres(
  full: PatchPlan,
  fullSpacing: readonly number[],
  fullSize: readonly number[],
  question: { readonly classes: number; readonly memoryGb: number },
  cases: number,
  rules: PlannerRules,
): Configuration | undefined {
  let found: PatchPlan = full;
  let spacingMm: readonly number[] = fullSpacing;
  let exact: readonly number[] = fullSize;
  let size: readonly number[] = fullSize;
  for (let step = 0; coverage(found.patch, exact) < rules.lowresBelow; step++) {
    if (step === mostSteps)
      fail("memory", {
        what: "no coarser image fits a patch of this memory",
        expected: `a patch that covers ${100 * rules.lowresBelow} % of the median image`,
        found: `${found.patch.join("x")} of ${size.join("x")} voxels at ${spacingMm.map((mm) => mm.toFixed(1)).join("x")} mm`,
        fix: "Give more memory with --memory",
      });
    spacingMm = coarserSpacing(spacingMm, rules);
    exact = coarserSize(fullSize, fullSpacing, spacingMm);
    size = exact.map(roundHalfEven);
    const dataSetVoxels = product(exact) * cases;
    found = planPatch({ ...question, spacingMm, medianSize: size, dataSetVoxels }, rules);
  }
  if (found === full || product(fullSize) / product(exact) < rules.lowresWorth) return undefined;
  return configurationFrom(found, spacingMm, size, false, rules);
}

function configurationFrom(
  plan: PatchPlan,
  spacingMm: readonly number[],
  medianSize: readonly number[],
  batchDice: boolean,
  rules: PlannerRules,
): Configuration {
  const { patch, batch, widths, strides, kernels, cost, budget, batchInMemory } = plan;
  const dimensions = patch.length as 2 | 3;
  return {
    dimensions,
    spacingMm: [...spacingMm],
    medianSize: [...medianSize],
    patch: [...patch],
    batch,
    widths: [...widths],
    strides: strides.map((one) => [...one]),
    kernels: kernels.map((one) => [...one]),
    convolutionsPerStage: 2,
    batchDice,
    planarAugmentation: dimensions === 3 && Math.max(...patch) / patch[0]! > rules.anisotropy,
    cost,
    budget,
    batchInMemory,
  };
}
