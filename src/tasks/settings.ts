import { z } from "zod";
import { GyrusError } from "../core/errors.js";
import { adam, adamW, sgd } from "../optim/optimizers.js";
import { plateauReductions, scheduleFactor } from "../optim/schedule.js";
import type { Transform } from "../optim/transform.js";
import type { Progress } from "../train/loop.js";
import { progressAt, type Revisions } from "./plan.js";

const positive = z.number().positive();
const count = z.number().int().positive();
const warmup = z.number().int().min(0).optional();

const optimizerSchema = z
  .object({
    name: z.enum(["sgd", "adam", "adamw"]),
    learningRate: positive,
    weightDecay: z.number().min(0),
    momentum: z.number().min(0).lt(1),
    nesterov: z.boolean(),
    /** Of Adam: how slowly its two means forget. Default 0.9 and 0.999. */
    betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).optional(),
    /** Largest norm of all gradients together; null: no clipping. */
    clip: positive.nullable(),
  })
  .strict();

const scheduleSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("constant") }).strict(),
  z
    .object({
      kind: z.literal("poly"),
      power: positive.optional(),
      warmup,
      /** Falls from epoch to epoch and not from step to step. */
      perEpoch: z.boolean().optional(),
    })
    .strict(),
  z.object({ kind: z.literal("cosine"), floor: z.number().min(0).max(1).optional(), warmup }).strict(),
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
      patience: count.optional(),
      factor: positive.optional(),
      /** What must not stand still: the validation's score, the default, or the training's loss between validations. */
      of: z.enum(["score", "loss"]).optional(),
      /** How much of the value before stays in the one that is looked at. */
      smoothing: z.number().min(0).lt(1).optional(),
      /** The training stops when the learning rate has fallen below this. */
      least: positive.optional(),
    })
    .strict(),
]);

/** What every task's configuration says of its training. */
export const trainingSettings = {
  batch: count,
  optimizer: optimizerSchema,
  schedule: scheduleSchema,
  /** Decay of the moving average of the weights, which predictions use; null: none. */
  average: z.number().min(0).lt(1).nullable(),
  epochs: count,
  /** Steps that make an epoch; "auto": as many as it takes to see every training image once. */
  stepsPerEpoch: z.union([z.literal("auto"), count]),
  /** Validations over the whole training. */
  validations: z.number().int().min(1),
  /** Stop after so many validations without a better score; null: never. */
  patience: count.nullable(),
};

const settingsSchema = z.object(trainingSettings);
export type TrainingSettings = z.infer<typeof settingsSchema>;

export function optimizerOf({ optimizer }: Pick<TrainingSettings, "optimizer">): Transform {
  const { name, weightDecay, momentum, nesterov, clip, betas } = optimizer;
  const moments = betas === undefined ? {} : { beta1: betas[0], beta2: betas[1] };
  const common = { weightDecay, ...(clip === null ? {} : { clip }), ...moments };
  if (name === "sgd") return sgd({ ...common, momentum, nesterov });
  return name === "adam" ? adam(common) : adamW(common);
}

/** What of a run's plan its learning rates depend on. */
interface SchedulePlan {
  readonly totalSteps: number | null;
  readonly stepsPerEpoch: number;
  readonly revisions: Revisions;
}

/** The learning rate of a step, of a training whose length may have been revised on the way. */
export function learningRateAt(
  { optimizer, schedule }: Pick<TrainingSettings, "optimizer" | "schedule">,
  plan: SchedulePlan,
  step: number,
  progress: Progress,
): number {
  const reductions =
    schedule.kind === "plateau" ? plateauReductions(watched(schedule, progress), schedule.patience ?? 3) : 0;
  const total = plan.totalSteps!;
  const unit = schedule.kind === "poly" && schedule.perEpoch ? plan.stepsPerEpoch : 1;
  const done = progressAt(plan.revisions, step - (step % unit)) * total;
  return (
    optimizer.learningRate *
    scheduleFactor(schedule as Parameters<typeof scheduleFactor>[0], done, total, reductions)
  );
}

type Plateau = Extract<TrainingSettings["schedule"], { kind: "plateau" }>;

/** What a plateau schedule wants to fall, one value a validation. */
function watched({ of = "score", smoothing = 0 }: Plateau, { scores, losses = [] }: Progress): number[] {
  const values = of === "loss" ? losses : scores.map((score) => -score);
  let mean = values[0] ?? 0;
  return values.map((value) => {
    mean = smoothing * mean + (1 - smoothing) * value;
    return mean;
  });
}

/** Whether a training looks at its losses between validations. */
export function tracksLoss({ schedule }: Pick<TrainingSettings, "schedule">): boolean {
  return schedule.kind === "plateau" && schedule.of === "loss";
}

/** Whether a plateau schedule has come to its end: what it asks for is below its least learning rate. */
export function isExhausted(
  config: Pick<TrainingSettings, "optimizer" | "schedule">,
  plan: SchedulePlan,
  progress: Progress,
): boolean {
  const { schedule } = config;
  if (schedule.kind !== "plateau" || schedule.least === undefined) return false;
  return learningRateAt(config, plan, progress.step, progress) < schedule.least;
}

/**
 * A preset with `--set` changes applied: keys are dotted paths (`network.widths`), values are JSON or bare words;
 * `1,2,3` is a list. Throws `bad-argument` that names the key and what is allowed.
 */
export function withSettings<T>(
  schema: z.ZodType<T>,
  keys: readonly string[],
  preset: T,
  changes: Readonly<Record<string, string>>,
): T {
  const copy = structuredClone(preset) as Record<string, unknown>;
  for (const [path, text] of Object.entries(changes)) assign(copy, path, parseValue(text));
  const parsed = schema.safeParse(copy);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new GyrusError("bad-argument", {
    what: "the configuration does not fit",
    where: issue.path.join(".") || Object.keys(changes).join(", "),
    found: issue.message,
    fix: `Keys: ${keys.join(", ")}`,
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
