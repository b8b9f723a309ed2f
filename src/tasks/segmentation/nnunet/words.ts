import { product } from "./numbers.js";
import type { Configuration, ConfigurationName, Plan } from "./plan.js";
import { plannerRules } from "./rules.js";

/** A choice of a plan and the sentence that says why. */
export interface Explanation {
  readonly choice: string;
  readonly because: string;
}

const x = (values: readonly number[], digits = 4): string =>
  values.map((value) => Number(value.toPrecision(digits))).join("x");
const percent = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;
const axisNames = ["left-right", "back-front", "bottom-top"];

/** Every choice of a plan with its reason, a sentence each: the numbers are those of the data set. */
export function explainPlan(plan: Plan): Explanation[] {
  return [
    spacingWords(plan),
    axesWords(plan),
    ...channelWords(plan),
    resamplingWords(plan),
    ...Object.entries(plan.configurations).flatMap(([name, one]) =>
      configurationWords(name as ConfigurationName, one, plan),
    ),
    cascadeWords(plan),
    ...labelWords(plan),
  ];
}

function spacingWords({ dataset, thickAxis, configurations, axes, rules }: Plan): Explanation {
  const full = configurations["3d_fullres"];
  const target = full?.spacingMm ?? configurations["2d"]!.spacingMm;
  const range = axes.map((axis) => dataset.spacingRangeMm[axis]!);
  const same = range.every(([low, high]) => high - low < 1e-4 * high);
  const median = `the median of ${dataset.cases} cases`;
  const thick = thickAxis === null ? undefined : range[thickAxis];
  const because = same
    ? `all ${dataset.cases} cases have this voxel size.`
    : thick === undefined || full === undefined
      ? `it is ${median} along every axis, which keep most images as they are (${range.map(([low, high]) => `${x([low])}-${x([high])}`).join(", ")} mm).`
      : `it is ${median}, but along the axis of thick slices (${x([thick[0]])}-${x([thick[1]])} mm) the 10th percentile, so that the better scans keep their slices.`;
  return { choice: `voxels of ${x(target)} mm (${rules} rules)`, because };
}

function axesWords({ axes, configurations }: Plan): Explanation {
  const [first] = axes;
  const full = configurations["3d_fullres"];
  const order = axes.map((axis) => axisNames[axis]!).join(", ");
  if (full === undefined)
    return {
      choice: `axes in the order ${order}`,
      because: "the images are flat, and the missing axis comes first.",
    };
  const isotropic = full.spacingMm.every((mm) => Math.abs(mm - full.spacingMm[0]!) < 1e-6);
  return {
    choice: `axes in the order ${order}`,
    because: isotropic
      ? "voxels are as long as wide, so the order of memory stays, and 2-D networks see axial planes."
      : `voxels are longest ${axisNames[first]!} (${x([full.spacingMm[0]!])} mm), and 2-D networks are to see the planes of the best resolution.`,
  };
}

function channelWords({ channels, dataset, rules }: Plan): Explanation[] {
  const below = plannerRules[rules].maskBelow;
  const left = `cropping to non-zero voxels leaves ${percent(dataset.medianRelativeSize)} of the median volume`;
  return channels.map(({ name, scheme, withinMask, foreground }): Explanation => {
    if (scheme === "ct")
      return {
        choice: `${name}: CT scale`,
        because:
          foreground === null
            ? "CT has one scale for all scans, but no case has any foreground to take it from."
            : `CT has one scale for all scans: clipped to ${x([foreground.low])} to ${x([foreground.high])} (percentiles 0.5 and 99.5 of the foreground), then less ${x([foreground.mean])}, over ${x([foreground.deviation])}.`,
      };
    if (scheme === "zscore")
      return {
        choice: `${name}: every image to mean 0 and deviation 1${withinMask ? ", inside its non-zero mask" : ""}`,
        because: withinMask
          ? `its intensities have no common scale, and ${left}, less than ${percent(below)}: the zeros around are no tissue.`
          : `its intensities have no common scale, and ${left}, so zeros are no mask.`,
      };
    return { choice: `${name}: ${scheme}`, because: "the channel's name in dataset.json asks for it." };
  });
}

function resamplingWords({ resampling, configurations }: Plan): Explanation {
  const { labelOrder, separateAbove } = resampling;
  const mm = (configurations["3d_fullres"] ?? configurations["2d"]!).spacingMm;
  const ratio = Math.max(...mm) / Math.min(...mm);
  const labels = labelOrder === 1 ? "linear on every label by itself" : "the nearest voxel";
  return {
    choice: `images by cubic splines, labels by ${labels}`,
    because:
      ratio > separateAbove
        ? `voxels are ${ratio.toFixed(1)} times as long as wide, so along the thick axis the nearest slice is taken and nothing is invented between slices.`
        : `voxels are at most ${separateAbove} times as long as wide, so all axes are interpolated alike.`,
  };
}

function configurationWords(name: ConfigurationName, one: Configuration, plan: Plan): Explanation[] {
  const { patch, batch, medianSize, cost, budget, batchInMemory, strides, kernels, widths } = one;
  if (name === "3d_cascade_fullres") return [];
  const share = product(patch) / product(medianSize);
  const rules = plannerRules[plan.rules];
  const unit = rules.budget.counts === "voxels" ? "voxels" : "numbers out of convolutions";
  const whole = patch.every((n, axis) => n >= medianSize[axis]!);
  const divisor = patch.map((_, axis) => strides.reduce((total, stride) => total * stride[axis]!, 1));
  const capped = batch < batchInMemory;
  const flat = kernels.filter((kernel) => kernel.includes(1)).length;
  return [
    {
      choice: `${name}: patches of ${x(patch)}`,
      because: whole
        ? `the median image (${x(medianSize)}) fits as a whole, filled up to multiples of ${x(divisor)} which the network halves by.`
        : `it is the largest patch of the median image's shape (${x(medianSize)}, of which it covers ${percent(Math.min(1, share))}) with which ${rules.smallestBatch} samples fit ${plan.memoryGb} GB.`,
    },
    {
      choice: `${name}: batches of ${batch}`,
      because: capped
        ? `more would be over ${percent(rules.mostOfDataSet)} of the data set's voxels in one step (memory allows ${batchInMemory}).`
        : batch === rules.smallestBatch
          ? `this is the smallest batch, and the patch was made as large as that allows.`
          : `${plan.memoryGb} GB hold so many samples of ${(cost / 1e6).toPrecision(3)} million ${unit} each (budget ${(budget / 1e6).toPrecision(3)} million).`,
    },
    {
      choice: `${name}: ${widths.length} levels of ${widths.join(", ")} channels`,
      because: `an axis is halved while it has ${2 * rules.shortestEdge} voxels or more${rules.followSpacing ? " and its voxels are less than twice the finest" : ""}, here ${x(divisor.map(Math.log2))} times${flat > 0 ? `, with kernels of 1 across thick slices in the first ${flat} levels` : ""}.`,
    },
  ];
}

function cascadeWords({ configurations, rules }: Plan): Explanation {
  const { "3d_fullres": full, "3d_lowres": coarse } = configurations;
  const { lowresBelow, lowresWorth } = plannerRules[rules];
  if (full === undefined) return { choice: "no 3-D network", because: "the images are flat." };
  const share = product(full.patch) / product(full.medianSize);
  if (coarse !== undefined)
    return {
      choice: `a cascade: 3d_lowres at ${x(coarse.spacingMm)} mm, then full resolution`,
      because: `a patch covers ${percent(share)} of the median image, less than ${percent(lowresBelow)}, and at the coarser spacing a patch sees ${percent(product(coarse.patch) / product(coarse.medianSize))}.`,
    };
  return {
    choice: "no cascade",
    because:
      share >= lowresBelow
        ? `a patch covers ${percent(Math.min(1, share))} of the median image, at least ${percent(lowresBelow)}.`
        : `a coarser image would have less than ${lowresWorth} times fewer voxels.`,
  };
}

function labelWords({ dataset }: Plan): Explanation[] {
  const { regions, ignoredClass, labelValues, classes } = dataset;
  const found: Explanation[] = [];
  if (regions !== null)
    found.push({
      choice: `${regions.length} overlapping regions as outputs: ${regions.map(({ name }) => name).join(", ")}`,
      because:
        "dataset.json defines labels as regions; each is yes or no for itself, and they are painted in regions_class_order.",
    });
  if (ignoredClass !== null)
    found.push({
      choice: `voxels of value ${labelValues[ignoredClass]!} are ignored`,
      because:
        "dataset.json has a label called ignore: nobody said what is there, so nothing is learned from it.",
    });
  const values = labelValues.slice(0, classes.length);
  if (values.some((value, at) => value !== at))
    found.push({
      choice: `label values ${values.join(", ")} become classes 0 to ${classes.length - 1}`,
      because:
        "networks count classes without gaps; predictions are written with the files' own values again.",
    });
  return found;
}
