import { z } from "zod";
import { fail } from "../../../core/errors.js";
import { parseJson } from "../../../io/json.js";

const whole = z.number().int().positive();
const positive = z.number().positive();
const axes = <T extends z.ZodType>(of: T) => z.array(of).min(2).max(3);

const configurationSchema = z
  .object({
    dimensions: z.union([z.literal(2), z.literal(3)]),
    /** Along the network's axes, as are all lists of a configuration; 2-D leaves the first axis as the scan has it. */
    spacingMm: axes(positive),
    medianSize: axes(positive),
    patch: axes(whole),
    batch: whole,
    widths: z.array(whole).min(1),
    strides: z.array(axes(whole)).min(1),
    kernels: z.array(axes(whole)).min(1),
    convolutionsPerStage: whole,
    /** Whether the soft Dice is taken over the batch as one image. */
    batchDice: z.boolean(),
    /** Whether spatial augmentation turns and scales within planes only. */
    planarAugmentation: z.boolean(),
    /** What one sample costs and what there is, in numbers out of convolutions (v2) or voxels (v1). */
    cost: positive,
    budget: positive,
    batchInMemory: whole,
    /** The configuration whose prediction comes in as further channels, one per label. */
    previous: z.string().optional(),
  })
  .strict()
  .superRefine((configuration, context) => {
    const { dimensions, strides, kernels, widths, patch, spacingMm, medianSize } = configuration;
    const problem = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if (strides.length !== widths.length) problem("strides", `${widths.length} stages need as many strides`);
    if (kernels.length !== widths.length) problem("kernels", `${widths.length} stages need as many kernels`);
    for (const [name, lists] of Object.entries({ strides, kernels, lists: [patch, spacingMm, medianSize] }))
      if (lists.some((list) => list.length !== dimensions))
        problem(name === "lists" ? "patch" : name, `${dimensions} numbers, one per axis, are wanted`);
    patch.forEach((n, axis) => {
      const divisor = strides.reduce((total, stride) => total * (stride[axis] ?? 1), 1);
      if (n % divisor !== 0)
        problem("patch", `${n} along axis ${axis} is no multiple of ${divisor}, which the strides divide by`);
    });
  });

const statisticsSchema = z
  .object({
    mean: z.number(),
    deviation: z.number().min(0),
    median: z.number(),
    min: z.number(),
    max: z.number(),
    low: z.number(),
    high: z.number(),
  })
  .strict();

/** A plan as JSON: see `parsePlan`. */
export const planSchema = z
  .object({
    format: z.literal("gyrus nnunet plan"),
    version: z.literal(1),
    rules: z.enum(["v2", "v1"]),
    memoryGb: positive,
    dataset: z
      .object({
        name: z.string(),
        cases: whole,
        /** Classes of the network in their order, background first. */
        classes: z.array(z.string()).min(2),
        /** Overlapping targets made of classes: outputs of the network instead of the classes, in painting order. */
        regions: z
          .array(
            z
              .object({ name: z.string(), classes: z.array(whole).min(1), paintedAs: whole.nullable() })
              .strict(),
          )
          .nullable(),
        /** The class that stands for voxels nobody labelled. */
        ignoredClass: whole.nullable(),
        /** What the label files hold for every class. */
        labelValues: z.array(z.number().int().min(0)),
        medianSize: z.array(positive).length(3),
        medianSpacingMm: z.array(positive).length(3),
        /** Finest and coarsest voxel of every axis. */
        spacingRangeMm: z.array(z.tuple([positive, positive])).length(3),
        medianRelativeSize: positive,
      })
      .strict(),
    /** Voxel axes (0 = i, 1 = j, 2 = k of the canonical frame) in the network's order. */
    axes: z.tuple([z.number().int(), z.number().int(), z.number().int()]),
    /** Network axis that takes the 10th percentile of its spacings. */
    thickAxis: z.number().int().min(0).max(2).nullable(),
    channels: z
      .array(
        z
          .object({
            name: z.string(),
            scheme: z.enum(["ct", "zscore", "none", "minmax", "rgb"]),
            withinMask: z.boolean(),
            foreground: statisticsSchema.nullable(),
          })
          .strict(),
      )
      .min(1),
    resampling: z
      .object({
        imageOrder: z.literal(3),
        labelOrder: z.union([z.literal(0), z.literal(1)]),
        probabilityOrder: z.literal(1),
        /** Along an axis whose voxels are this many times longer than the shortest, the nearest slice is taken. */
        separateAbove: positive,
      })
      .strict(),
    configurations: z.partialRecord(
      z.enum(["2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"]),
      configurationSchema,
    ),
  })
  .strict()
  .superRefine(({ axes: order, configurations }, context) => {
    if ([...order].sort().join() !== "0,1,2")
      context.addIssue({ code: "custom", path: ["axes"], message: "each of 0, 1 and 2 once" });
    if (Object.values(configurations).every((one) => one === undefined))
      context.addIssue({ code: "custom", path: ["configurations"], message: "at least one configuration" });
  });

/** A configuration of a plan: one network and the grid that it sees. */
export type Configuration = z.infer<typeof configurationSchema>;
/** Everything that nnU-Net decides about a data set, as plain data: it is written and read as JSON. */
export type Plan = z.infer<typeof planSchema>;
export type ConfigurationName = keyof Plan["configurations"];

/** A plan as JSON for people: short lists on one line. */
export function formatPlan(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2).replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, inner: string) => `[${inner.replace(/\s*\n\s*/g, " ")}]`)}\n`;
}

/** Read a plan back, checked: throws `bad-file` that names the file, the key and what is wanted there. */
export function parsePlan(text: string, path: string): Plan {
  return parseJson(planSchema, text, path, {
    what: "the plan",
    fix: "Repair that place, or make the plan again with gyrus plan",
  });
}

/** A configuration by name. Throws `not-found` with the names that there are. */
export function configurationOf(plan: Plan, name: string): Configuration {
  const found = plan.configurations[name as ConfigurationName];
  if (found !== undefined) return found;
  return fail("not-found", {
    what: `the plan has no configuration "${name}"`,
    where: plan.dataset.name,
    expected: `one of ${Object.keys(plan.configurations).join(", ")}`,
    fix: "Choose one of these; 3d_lowres and the cascade exist only where a patch covers too little of an image",
  });
}
