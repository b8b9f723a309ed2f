import { rm } from "node:fs/promises";
import { fail } from "../core/errors.js";
import type { Progress } from "../train/loop.js";
import type { RunRecord } from "./run.js";
import { paths, writeRun } from "./run-folder.node.js";
import { continued } from "./start.node.js";
import type { TrainRequest } from "./verbs.js";

/** How long a training is to be in all: so many minutes where they are given, so many epochs where not. */
export interface Length {
  readonly epochs: number;
  readonly minutes: number | null;
}

/** Throws `bad-argument` for a request to extend that does not say what, or how far. */
export function requireExtension({
  extend = false,
  resume,
  epochs,
  minutes,
  set,
  runDir,
}: Pick<TrainRequest, "extend" | "resume" | "epochs" | "minutes" | "set" | "runDir">): void {
  if (!extend || (resume && (epochs ?? minutes ?? set.epochs) !== undefined)) return;
  fail("bad-argument", {
    what: resume
      ? "it is not said how long the training is to be"
      : "only a run that is there can be extended",
    where: runDir,
    expected: "--resume --extend with --epochs or --minutes, counted from the run's beginning",
    fix: resume ? "Give the epochs or the minutes of the whole training" : "Add --resume",
  });
}

/**
 * Whether a run is to become longer than it was planned. One that has the length that is asked for is not: an extension
 * that was interrupted goes on by the same request. `planned` are the minutes that were asked for when it was begun:
 * null for none, undefined where nobody wrote them down.
 *
 * Throws `bad-argument` where it would become shorter and, without `extend`, where other minutes are asked for than it
 * was begun with.
 */
export function becomesLonger(
  { config }: Pick<RunRecord, "config">,
  planned: number | null | undefined,
  { epochs, minutes }: Length,
  extend: boolean,
  dir: string,
): boolean {
  const words = (length: number, unit: string): string => `${length} ${unit}${length === 1 ? "" : "s"}`;
  if (!extend) {
    if (minutes !== null && planned !== undefined && minutes !== planned)
      fail("bad-argument", {
        what: "the run was begun with another length",
        where: dir,
        expected: planned === null ? words(config.epochs, "epoch") : words(planned, "minute"),
        found: words(minutes, "minute"),
        fix: "Leave --minutes out to keep to its plan, or add --extend to give it another end",
      });
    return false;
  }
  const asked = minutes ?? epochs;
  const unit = minutes === null ? "epoch" : "minute";
  const before = minutes !== null ? planned : planned === null ? config.epochs : undefined;
  if (before !== undefined && before !== null && asked < before)
    fail("bad-argument", {
      what: "the run was begun for longer than this: there is nothing to extend",
      where: dir,
      expected: `more than ${words(before, unit)}`,
      found: words(asked, unit),
      fix: "Give the length of the whole training, counted from its beginning",
    });
  return asked !== before;
}

/**
 * The old record as if the run had been begun with the length that is asked for now, to be compared with a new one. Some
 * tasks validate a training no more than once an epoch, so that a longer one may be validated more often.
 */
export function asLongAs<R extends RunRecord>(
  old: R,
  { epochs, validations }: Pick<RunRecord["config"], "epochs" | "validations">,
): R {
  const before = old.config;
  const same = Math.min(validations, before.epochs) === before.validations;
  return { ...old, config: { ...before, epochs, ...(same ? { validations } : {}) } };
}

/**
 * The record that an extended run goes on with: its own, with another end. What is validated and saved how often stays;
 * schedules go on as if that end had been planned from the first step (`progressAt`), so that the learning rate rises.
 * Throws `bad-argument` for an end that is behind it.
 */
export function extended<R extends RunRecord>(old: R, run: R, progress: Progress, dir: string): R {
  const { epochs, validations } = run.config;
  const { minutes, minutesAsked } = run.plan;
  const { stepsPerEpoch, revisions } = old.plan;
  const { step, seconds } = progress;
  const { minutesAsked: _before, ...rest } = old.plan;
  const plan = { ...rest, minutes, ...(minutesAsked === undefined ? {} : { minutesAsked }) };
  const config = { ...old.config, epochs, validations };
  // Nothing is trained yet: it is planned anew.
  if (step === 0)
    return { ...continued(old, run), config, plan: { ...plan, totalSteps: null, revisions: [] } };
  const left = minutes === null ? epochs * stepsPerEpoch - step : (minutes * 60 - seconds) / (seconds / step);
  if (left < 1)
    fail("bad-argument", {
      what: "the run has been trained for as long already: there is nothing to extend",
      where: dir,
      expected:
        minutes === null ? `more than ${step / stepsPerEpoch} epochs` : `more than ${seconds / 60} minutes`,
      found: minutes === null ? `${epochs}` : `${minutes}`,
      fix: "Give the length of the whole training, counted from its beginning",
    });
  const totalSteps = step + Math.floor(left);
  return {
    ...continued(old, run),
    config,
    plan: { ...plan, totalSteps, revisions: [...revisions, { step, totalSteps, extended: true }] },
  };
}

/** Write the record of a run that is extended; scores of the weights that it had are taken away first. */
export async function beginExtension(dir: string, run: RunRecord): Promise<void> {
  await rm(paths.evaluation(dir), { force: true });
  await writeRun(dir, run);
}
