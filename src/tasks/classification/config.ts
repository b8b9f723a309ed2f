import { z } from "zod";
import { fail } from "../../core/errors.js";
import { type Augmentation, augmentations, defineAugmentation } from "../../transforms/augmentation.js";
import { trainingSettings, withSettings } from "../settings.js";

const count = z.number().int().positive();
const whole = z.number().int().min(0);
const size3 = z.tuple([count, count, count]);
const widths = z.array(count).min(1);
const rate = z.number().min(0).lt(1);
const momentum = z.number().gt(0).max(1);
const padding = z.enum(["same", "valid"]);

/** The network, and its numbers; see `models/` for what they mean. */
const networkSchema = z.discriminatedUnion("kind", [
  z
    .object({
      kind: z.literal("vox-cnn"),
      blocks: z.array(z.object({ convs: count, channels: count }).strict()).min(1),
      padding,
      hidden: z.array(count),
      dropout: rate,
      norm: z.boolean(),
      initialize: z.enum(["he", "glorot"]),
    })
    .strict(),
  z
    .object({
      kind: z.literal("vox-resnet"),
      stem: widths,
      stages: z.array(z.object({ channels: count, blocks: count }).strict()).min(1),
      pool: count,
      hidden: count,
      shortcuts: z.boolean(),
      momentum,
    })
    .strict(),
  z
    .object({
      kind: z.literal("conv-fc"),
      widths,
      padding,
      hidden: z.array(count),
      dropout: rate,
      momentum,
      /** Features' means over space. */
      average: z.boolean(),
    })
    .strict(),
  z
    .object({
      kind: z.literal("resnet"),
      stem: z.enum(["large", "small"]),
      widths,
      blocks: widths,
      shortcut: z.enum(["projection", "zeros", "none"]),
      hidden: z.array(count),
      dropout: rate,
      /** The grey image is repeated in so many channels: 3 for networks that knew colours. */
      channels: count,
    })
    .strict(),
]);

/** What a network sees of an image at a time. */
const frameworkSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("subject") }).strict(),
  z
    .object({
      kind: z.literal("roi"),
      size: size3,
      /** Centres of the regions along i, j, k, all of them seen by one network. */
      centres: z.array(z.tuple([z.number(), z.number(), z.number()])).min(1),
      /** Of the centres: millimetres in the world, voxels of the image, or shares of its extents. */
      unit: z.enum(["mm", "voxel", "share"]),
    })
    .strict(),
  z
    .object({
      kind: z.literal("patch"),
      size: size3,
      stride: size3,
      /** "one" network sees all positions; "each" position has a network of its own. */
      networks: z.enum(["one", "each"]),
      /** Of networks of their own: positions whose accuracy in validation is below this rate have no vote. */
      threshold: z.number().min(0).max(1),
    })
    .strict(),
  z
    .object({
      kind: z.literal("slice"),
      /** The slices are perpendicular to axis 0 (sagittal), 1 (coronal) or 2 (axial). */
      axis: z.union([z.literal(0), z.literal(1), z.literal(2)]),
      /** Slices left out at each end. */
      skip: whole,
      /** Pixels that every slice is resized to; null: as they are. */
      size: z.tuple([count, count]).nullable(),
    })
    .strict(),
]);

/** "CN,AD" as typed, too. */
const classes = z.preprocess(
  (value) => (typeof value === "string" ? value.split(",").map((name) => name.trim()) : value),
  z.tuple([z.string().min(1), z.string().min(1)]),
);

/** Everything that decides a run, as plain data: it stands in `run.json`. */
export const classificationSchema = z
  .object({
    ...trainingSettings,
    /** Two diagnoses: the first is the negative class, the second the positive one. */
    classes,
    /** How the table is read where it does not use the usual names and values. */
    table: z
      .object({
        /** Name of the column; null: `diagnosis`. */
        diagnosis: z.string().nullable(),
        /** What its values mean, as in "0=CN,0.5=AD"; null: they are diagnoses. */
        map: z.string().nullable(),
        /** Rows with missing values or without an image: an error, or left out and counted. */
        missing: z.enum(["refuse", "omit"]),
      })
      .strict(),
    /** Sessions of the training subjects that are trained on; judged is always the first one. */
    sessions: z.enum(["all", "first"]),
    input: z
      .object({
        /** Most voxels along i, j, k; larger images are shrunk, axis by axis. null: as they are. */
        size: size3.nullable(),
        /** Smaller images are enlarged to exactly this size. */
        enlarge: z.boolean(),
        /** How every image is scaled, by itself: over its maximum, over its 99th percentile, from 0 to 1, to mean 0 and deviation 1. */
        intensity: z.enum(["max", "percentile", "minMax", "zScore"]),
      })
      .strict(),
    framework: frameworkSchema,
    network: networkSchema,
    /** Unequal classes: the larger one drawn anew for each epoch, weights in the loss, or left as they are. */
    balance: z.enum(["undersample", "weights", "none"]),
    augmentation: z.union([
      z.enum(Object.keys(augmentations) as [string, ...string[]]),
      z.record(z.string(), z.unknown()),
    ]),
    /** On which subjects, and by what, the best weights are chosen. They are no part of those that are judged. */
    selection: z
      .object({
        /** Part of the training subjects that is set aside for it; 0: the last weights are taken. */
        share: z.number().min(0).max(0.5),
        by: z.enum(["balanced accuracy", "auc", "loss"]),
      })
      .strict(),
    /** Train the convolutions as an autoencoder on the training subjects first; null: no. Of "conv-fc" only. */
    pretraining: z
      .object({
        epochs: count,
        learningRate: z.number().positive(),
        /** null: as the network's. */
        batch: count.nullable().default(null),
        weightDecay: z.number().min(0).default(0),
      })
      .strict()
      .nullable(),
    /** Parameters whose names begin so are not trained: for weights that come from another run. */
    freeze: z.array(z.string()),
  })
  .strict()
  .refine(({ classes: [a, b] }) => a !== b, { path: ["classes"], message: "the two classes are the same" })
  .refine(
    ({ network, framework }) =>
      framework.kind !== "slice" || network.kind === "resnet" || network.kind === "conv-fc",
    { path: ["network"], message: "slices are for resnet or conv-fc networks, which work in 2-D" },
  )
  .refine(({ pretraining, network }) => pretraining === null || network.kind === "conv-fc", {
    path: ["pretraining"],
    message: "only networks of the kind conv-fc can be pre-trained as an autoencoder",
  });

export type ClassificationConfig = z.infer<typeof classificationSchema>;
export type NetworkConfig = ClassificationConfig["network"];
export type Framework = ClassificationConfig["framework"];

/** A preset with `--set` changes applied: see `withSettings`. Throws `bad-argument` for one that would change nothing. */
export function withChanges(
  preset: ClassificationConfig,
  changes: Readonly<Record<string, string>>,
): ClassificationConfig {
  const schema = classificationSchema as z.ZodType<ClassificationConfig>;
  const config = withSettings(schema, Object.keys(preset), preset, changes);
  const { framework } = config;
  if ("framework.threshold" in changes && framework.kind === "patch" && framework.networks === "one")
    fail("bad-argument", {
      what: "a threshold for votes means nothing to one network that sees all patches",
      where: "framework.threshold",
      expected: "framework.networks=each, a network for each position",
      found: "framework.networks=one",
      fix: "Leave it out",
    });
  return config;
}

/** The augmentation that a configuration names or spells out. */
export function augmentationOf({ augmentation }: Pick<ClassificationConfig, "augmentation">): Augmentation {
  if (typeof augmentation === "string") return augmentations[augmentation as keyof typeof augmentations];
  return defineAugmentation(augmentation as Parameters<typeof defineAugmentation>[0]);
}
