import { z } from "zod";
import { type Augmentation, augmentations, defineAugmentation } from "../../../transforms/augmentation.js";
import { trainingSettings, withSettings } from "../../settings.js";
import { product } from "./numbers.js";
import type { Configuration, ConfigurationName, Plan } from "./plan.js";
import { configurationOf } from "./plan.js";
import { plannerRules } from "./rules.js";
import { activationsOf } from "./topology.js";

const count = z.number().int().positive();

/** What a preset says of a training; what it calls "planned" is the plan's. */
export const nnunetSchema = z
  .object({
    ...trainingSettings,
    /** Samples of a batch; patches of 2-D networks are small, so that they may want more of them. */
    batch: z.union([z.literal("planned"), count, z.object({ "2d": count, "3d": count }).strict()]),
    /** Whose rules plan the data set. */
    rules: z.enum(["v2", "v1"]),
    /** Memory of the device to plan for, in GB; null: what the rules were made for. */
    memoryGb: z.number().positive().nullable(),
    /** "auto": 3d_fullres, or 2d where images are flat. */
    configuration: z.enum(["auto", "2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"]),
    /** Channels of the first level; the others keep their proportion to it. */
    firstWidth: z.union([z.literal("planned"), count]),
    /** "inside": no larger than the median image along every axis, since padding costs time and teaches nothing. */
    patch: z.enum(["planned", "inside"]),
    loss: z
      .object({
        crossEntropy: z.number().min(0),
        dice: z.number().min(0),
        batchDice: z.union([z.literal("planned"), z.boolean()]),
      })
      .strict(),
    /** Losses at all resolutions but the lowest two, or at the full one alone. */
    deepSupervision: z.boolean(),
    augmentation: z.union([
      z.enum(Object.keys(augmentations) as [string, ...string[]]),
      z.record(z.string(), z.unknown()),
    ]),
    /** The last samples of a batch, this share of it, are patches around a labelled voxel. */
    foreground: z.number().min(0).max(1),
    /** Patches of the held-out cases that a validation looks at. */
    validationPatches: count,
    /** How much of the score before stays in a validation's score. */
    smoothing: z.number().min(0).lt(1),
    /** Overlap of prediction windows, as a part of the patch. */
    overlap: z.number().min(0).lt(1),
  })
  .strict()
  .superRefine(({ loss }, context) => {
    if (loss.crossEntropy === 0 && loss.dice === 0)
      context.addIssue({
        code: "custom",
        path: ["loss"],
        message: "crossEntropy and dice are both 0: nothing would be learned",
      });
  });

export type NnunetPreset = z.infer<typeof nnunetSchema>;

/** A preset whose batch is known: what stands in `run.json`. */
export type NnunetConfig = Omit<NnunetPreset, "batch"> & { readonly batch: number };

/** A preset with `--set` changes applied: see `withSettings`. Shorter trainings are validated once an epoch at the most. */
export function withChanges(preset: NnunetPreset, changes: Readonly<Record<string, string>>): NnunetPreset {
  const changed = withSettings(nnunetSchema, Object.keys(nnunetSchema.shape), preset, changes);
  return { ...changed, validations: Math.min(changed.validations, changed.epochs) };
}

/** The configuration that "auto" means for a plan. Throws `not-found` for one that the plan does not have. */
export function configurationName(plan: Plan, { configuration }: NnunetPreset): ConfigurationName {
  if (configuration === "auto") return plan.configurations["3d_fullres"] === undefined ? "2d" : "3d_fullres";
  configurationOf(plan, configuration);
  return configuration;
}

/** The plan with one of its configurations as a preset trains it: narrower, with another patch or batch. */
export function trainedPlan(plan: Plan, name: ConfigurationName, preset: NnunetPreset): Plan {
  const planned = configurationOf(plan, name);
  const { dimensions, strides } = planned;
  const first = preset.firstWidth === "planned" ? planned.widths[0]! : preset.firstWidth;
  const widths = planned.widths.map((width) => Math.max(1, Math.round((width * first) / planned.widths[0]!)));
  const divisor = planned.patch.map((_, axis) => product(strides.map((stride) => stride[axis]!)));
  const patch =
    preset.patch === "planned"
      ? planned.patch
      : planned.patch.map((n, axis) =>
          Math.min(n, Math.max(1, Math.floor(planned.medianSize[axis]! / divisor[axis]!)) * divisor[axis]!),
        );
  const { regions, classes } = plan.dataset;
  const outputs = regions?.length ?? classes.length;
  const trained: Configuration = {
    ...planned,
    widths,
    patch,
    batch: batchOf(preset, planned),
    batchDice: preset.loss.batchDice === "planned" ? planned.batchDice : preset.loss.batchDice,
    planarAugmentation:
      dimensions === 3 && Math.max(...patch) / patch[0]! > plannerRules[plan.rules].anisotropy,
    cost:
      plannerRules[plan.rules].budget.counts === "voxels"
        ? product(patch)
        : activationsOf(patch, strides, widths, outputs),
  };
  return { ...plan, configurations: { ...plan.configurations, [name]: trained } };
}

function batchOf({ batch }: NnunetPreset, { dimensions, batch: planned }: Configuration): number {
  if (batch === "planned") return planned;
  return typeof batch === "number" ? batch : batch[`${dimensions}d`];
}

/** In 2-D a patch this much longer than wide is turned little, so that it keeps its ends. */
const elongated = 1.5;

/**
 * The augmentation of a configuration, in the network's frame (k is the network's first axis). nnU-Net's own turns by 30
 * degrees in 3-D, by 180 within planes, by 15 where a 2-D patch is elongated, and mirrors all axes; others keep
 * their angles, and the axes that they mirror are the scan's (0 left-right), wherever the network has them. Beyond an
 * image there are zeros.
 */
export function augmentationOf(
  { augmentation }: Pick<NnunetPreset, "augmentation">,
  { axes }: Pick<Plan, "axes">,
  { dimensions, patch, planarAugmentation }: Configuration,
): Augmentation {
  const named = typeof augmentation === "string";
  const base = named
    ? augmentations[augmentation as keyof typeof augmentations]
    : defineAugmentation(augmentation as Parameters<typeof defineAugmentation>[0]);
  if (!named || !augmentation.startsWith("nnunet")) {
    const frame = base.mirror.axes.map((axis) => (2 - axes.indexOf(axis)) as 0 | 1 | 2);
    // As predictions do: beyond an image there is its mean.
    return defineAugmentation({ mirror: { axes: frame }, padding: "zero" }, base);
  }
  if (dimensions === 3 && !planarAugmentation) return base;
  const degrees = dimensions === 2 && Math.max(...patch) / Math.min(...patch) > elongated ? 15 : 180;
  return defineAugmentation({ rotation: { degrees: [-degrees, degrees] } }, base);
}

/** Axes of the network (0 is the patch's first) along which an augmentation mirrors. */
export function mirrorAxesOf({ mirror }: Augmentation, dimensions: 2 | 3): number[] {
  if (mirror.probability === 0) return [];
  return mirror.axes
    .map((axis) => dimensions - 1 - axis)
    .filter((axis) => axis >= 0)
    .sort((a, b) => a - b);
}
