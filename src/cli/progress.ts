import cliProgress from "cli-progress";
import type { TrainProgress } from "../tasks/verbs.js";
import { formatSeconds } from "./print.js";
import type { Shell } from "./shell.js";

/** Where a piece of work stands: how much is done, and what to say beside the bar. */
export interface Standing {
  /** From 0 to 1. */
  readonly fraction: number;
  readonly words: string;
}

/** Shows how work goes on: a bar on a terminal, a line now and then in a file, nothing when asked for silence. */
export interface Progress {
  show(standing: Standing): void;
  /** Something to be read once, in a line of its own. */
  note(text: string): void;
  /** Take the bar away; call it before anything else is printed. */
  stop(): void;
}

/** Seconds between two lines when nobody is watching a bar, and the share of the work that also earns a line. */
const secondsBetweenLines = 15;
const shareBetweenLines = 0.1;

export function progressOn(shell: Shell): Progress {
  if (shell.json || shell.quiet) return { show: () => {}, note: () => {}, stop: () => {} };
  return shell.terminal ? bar() : lines(shell);
}

function bar(): Progress {
  const shown = new cliProgress.SingleBar({
    format: "[{bar}] {percentage} %  {words}",
    barsize: 24,
    barCompleteChar: "=",
    barIncompleteChar: " ",
    fps: 5,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
    stream: process.stderr,
  });
  let started = false;
  const start = (): void => {
    if (!started) shown.start(1000, 0, { words: "" });
    started = true;
  };
  const stop = (): void => {
    if (started) shown.stop();
    started = false;
  };
  return {
    show: ({ fraction, words }) => {
      start();
      shown.update(Math.round(clamp(fraction) * 1000), { words });
    },
    note: (text) => {
      stop();
      process.stderr.write(`${text}\n`);
    },
    stop,
  };
}

function lines(shell: Shell): Progress {
  let saidAt = Number.NEGATIVE_INFINITY;
  let saidShare = 0;
  let last: string | undefined;
  const print = (line: string): void => {
    if (line !== last) shell.say(line);
    last = line;
  };
  let latest: string | undefined;
  return {
    show: ({ fraction, words }) => {
      const share = clamp(fraction);
      latest = `${String(Math.floor(share * 100)).padStart(3)} %  ${words}`;
      const seconds = (performance.now() - saidAt) / 1000;
      const due = seconds >= secondsBetweenLines || (share - saidShare >= shareBetweenLines && seconds >= 1);
      if (!due) return;
      print(latest);
      saidAt = performance.now();
      saidShare = share;
    },
    note: (text) => shell.say(text),
    stop: () => {
      if (latest !== undefined) print(latest);
      latest = undefined;
    },
  };
}

const clamp = (fraction: number): number => Math.min(1, Math.max(0, fraction));

/**
 * A training's progress on a bar that runs with the time, since a run may be limited by minutes rather than by
 * steps. Notes are printed once each.
 */
export function trainingProgress(progress: Progress): (standing: TrainProgress) => void {
  const began = performance.now();
  return (standing) => {
    if (standing.note !== undefined) progress.note(standing.note);
    if (standing.piece !== undefined) {
      const { what, done, total, name } = standing.piece;
      progress.show({
        fraction: total > 0 ? done / total : 0,
        words: `${standing.part === undefined ? "" : `${standing.part}, `}${what} ${done} of ${total}${name === "" ? "" : ` (${name})`}`,
      });
      return;
    }
    // Nothing is planned while data are read and a time budget is measured.
    if (standing.totalSteps <= 0) return;
    progress.show({
      fraction: trainedShare(standing, (performance.now() - began) / 1000),
      words: trainingWords(standing),
    });
  };
}

/** The share of a training that is behind it after `elapsed` seconds. */
export function trainedShare({ step, totalSteps, secondsLeft }: TrainProgress, elapsed: number): number {
  if (Number.isFinite(secondsLeft) && elapsed + secondsLeft > 0) return elapsed / (elapsed + secondsLeft);
  return step / totalSteps;
}

export function trainingWords({
  step,
  totalSteps,
  epoch,
  loss,
  score,
  secondsLeft,
  part,
}: TrainProgress): string {
  return [
    ...(part === undefined ? [] : [part]),
    `step ${step}${Number.isFinite(totalSteps) ? `/${totalSteps}` : ""}`,
    `epoch ${Math.floor(epoch)}`,
    ...(loss === undefined ? [] : [`loss ${loss.toPrecision(4)}`]),
    ...(score === undefined ? [] : [`validation ${score.toFixed(3)}`]),
    `${formatSeconds(secondsLeft)} left`,
  ].join(", ");
}

/** The progress of work that is counted in pieces: subjects, scans, cases. */
export function countingProgress(
  progress: Progress,
  piece: string,
): (done: number, total: number, name?: string) => void {
  const began = performance.now();
  return (done, total, name) => {
    const elapsed = (performance.now() - began) / 1000;
    const left = done > 0 && done < total ? `, ${formatSeconds((elapsed / done) * (total - done))} left` : "";
    const words = `${piece} ${done} of ${total}${name ? ` (${name})` : ""}${left}`;
    progress.show({ fraction: total > 0 ? done / total : 0, words });
  };
}

/** The progress of work that says what share of it is done. */
export function shareProgress(
  progress: Progress,
): (standing: { readonly fraction: number; readonly what: string }) => void {
  const began = performance.now();
  return ({ fraction, what }) => {
    const elapsed = (performance.now() - began) / 1000;
    const left = fraction > 0.02 ? `, ${formatSeconds((elapsed / fraction) * (1 - fraction))} left` : "";
    progress.show({ fraction, words: `${what}${left}` });
  };
}
