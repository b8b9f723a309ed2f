import { z } from "zod";
import { GyrusError } from "../../core/errors.js";
import { unetExtents } from "../../models/unet.js";
import { type Augmentation, augmentations, defineAugmentation } from "../../transforms/augmentation.js";

const positive = z.number().positive();
const size3 = z.tuple([
  z.number().int().positive(),
  z.number().int().positive(),
  z.number().int().positive(),
]);

/** Everything that decides a segmentation run, as plain data: it stands in `run.json`. */
export const segmentationSchema = z
  .object({
    /** Spatial axes of the network; 2 takes volumes slice by slice along the third axis. */
    dimensions: z.union([z.literal(2), z.literal(3)]),
    network: z
      .object({
        widths: z.array(z.number().int().positive()).min(1),
        depth: z.number().int().positive(),
        norm: z.enum(["none", "batch", "instance"]),
        slope: z.number().min(0).lt(1),
        padding: z.enum(["same", "valid"]),
        down: z.enum(["stride", "maxPool"]),
        dropout: z.number().min(0).lt(1),
      })
      .strict(),
    /** Voxels along i, j, k of a training patch; "auto": the median training image, within `patchVoxels`. */
    patch: z.union([z.literal("auto"), size3]),
    patchVoxels: z.number().int().positive(),
    batch: z.number().int().positive(),
    /** Voxel size that images are resampled to; "median" of the training images; "native": as they are. */
    spacingMm: z.union([z.enum(["native", "median"]), z.tuple([positive, positive, positive])]),
    normalization: z.enum(["zscore", "zscore-nonzero", "minmax"]),
    loss: z
      .object({
        crossEntropy: z.number().min(0),
        dice: z.number().min(0),
        /** Ronneberger's weight map: w0 exp(-(d1 + d2)² / 2 σ²) on top of the class weights, 2-D only. */
        border: z.object({ weight: positive, sigmaPixels: positive }).strict().nullable(),
        /** Weigh classes by their inverse frequency in the training labels. */
        balanceClasses: z.boolean(),
      })
      .strict(),
    optimizer: z
      .object({
        name: z.enum(["sgd", "adam", "adamw"]),
        learningRate: positive,
        weightDecay: z.number().min(0),
        momentum: z.number().min(0).lt(1),
        nesterov: z.boolean(),
        /** Largest norm of all gradients together; null: no clipping. */
        clip: positive.nullable(),
      })
      .strict(),
    schedule: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("constant") }).strict(),
      z
        .object({
          kind: z.literal("poly"),
          power: positive.optional(),
          warmup: z.number().int().min(0).optional(),
        })
        .strict(),
      z
        .object({
          kind: z.literal("cosine"),
          floor: z.number().min(0).max(1).optional(),
          warmup: z.number().int().min(0).optional(),
        })
        .strict(),
      z
        .object({
          kind: z.literal("step"),
          at: z.array(z.number().min(0).max(1)),
          factor: positive.optional(),
        })
        .strict(),
      z
        .object({
          kind: z.literal("plateau"),
          patience: z.number().int().positive().optional(),
          factor: positive.optional(),
        })
        .strict(),
    ]),
    /** Decay of the moving average of the weights, which predictions use; null: none. */
    average: z.number().min(0).lt(1).nullable(),
    augmentation: z.union([
      z.enum(Object.keys(augmentations) as [string, ...string[]]),
      z.record(z.string(), z.unknown()),
    ]),
    /** How often a patch is placed on a labelled voxel. */
    foreground: z.number().min(0).max(1),
    epochs: z.number().int().positive(),
    /** Steps that make an epoch; "auto": as many as it takes to see every training image once. */
    stepsPerEpoch: z.union([z.literal("auto"), z.number().int().positive()]),
    /** Validations over the whole training. */
    validations: z.number().int().min(1),
    /** Stop after so many validations without a better score; null: never. */
    patience: z.number().int().positive().nullable(),
    /** Overlap of prediction windows, as a part of the patch. */
    overlap: z.number().min(0).lt(1),
  })
  .strict()
  .superRefine((config, context) => {
    const problem = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: path.split("."), message });
    const { dimensions, network, patch, loss } = config;
    if (loss.border !== null && dimensions === 3) problem("loss.border", "border weights are for 2-D only");
    if (loss.crossEntropy === 0 && loss.dice === 0)
      problem("loss", "crossEntropy and dice are both 0: nothing would be learned");
    if (patch === "auto") {
      if (network.padding === "valid")
        problem("patch", "valid convolutions need the patch given, e.g. --set patch=572,572,1");
      return;
    }
    if (dimensions === 2 && patch[2] !== 1)
      problem("patch", `a 2-D patch is 1 voxel along the third axis, not ${patch[2]}`);
    const extents = unetExtents(patch.slice(0, dimensions), network);
    if (extents !== undefined) problem("patch", `${patch.join("x")}; the network wants ${extents}`);
  });

export type SegmentationConfig = z.infer<typeof segmentationSchema>;

/** The augmentation that a configuration names or spells out. */
export function augmentationOf(config: SegmentationConfig): Augmentation {
  const { augmentation } = config;
  if (typeof augmentation === "string") return augmentations[augmentation as keyof typeof augmentations];
  return defineAugmentation(augmentation as Parameters<typeof defineAugmentation>[0]);
}

/**
 * A preset with `--set` changes applied: keys are dotted paths (`network.widths`), values are JSON or bare words;
 * `1,2,3` is a list. Throws `bad-argument` that names the key and what is allowed.
 */
export function withChanges(
  preset: SegmentationConfig,
  changes: Readonly<Record<string, string>>,
): SegmentationConfig {
  const copy = structuredClone(preset) as Record<string, unknown>;
  for (const [path, text] of Object.entries(changes)) assign(copy, path, parseValue(text));
  const parsed = segmentationSchema.safeParse(copy);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new GyrusError("bad-argument", {
    what: "the configuration does not fit",
    where: issue.path.join(".") || Object.keys(changes).join(", "),
    found: issue.message,
    fix: `Keys: ${Object.keys(segmentationSchema.shape).join(", ")}`,
  });
}

function parseValue(text: string): unknown {
  const list = /^[^[{"]*,/.test(text) ? `[${text}]` : text;
  try {
    return JSON.parse(list);
  } catch {
    return text;
  }
}

function assign(target: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split(".");
  const last = keys.pop()!;
  let inner = target;
  for (const key of keys) {
    const next = inner[key];
    if (typeof next !== "object" || next === null || Array.isArray(next))
      throw new GyrusError("bad-argument", {
        what: "there is no such part of the configuration",
        where: path,
        found: `keys here: ${Object.keys(inner).join(", ")}`,
      });
    inner = next as Record<string, unknown>;
  }
  inner[last] = value;
}
