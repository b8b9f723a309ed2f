import { dirname } from "node:path";
import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import type { Device } from "../../runtime/engine.js";
import type { System } from "../../systems/system.js";
import type { TrainSummary } from "../../tasks/verbs.js";
import { defineCommand, type Finish, keyValue, numberWithin } from "../command.js";
import { addDataSetOptions, type DataSetFlags, dataSetOptions } from "../dataset-options.js";
import { deviceOption } from "../device-option.js";
import { exitCodes } from "../exit.js";
import { interruptible } from "../interrupt.js";
import { formatBytes, formatScore, formatSeconds, wrap } from "../print.js";
import { progressOn, trainingProgress } from "../progress.js";
import { systemNamed } from "../systems.js";

interface Options extends DataSetFlags {
  readonly data: string;
  readonly out: string;
  readonly preset?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly fold?: number | "all";
  readonly configuration?: string;
  readonly folds?: number;
  readonly split?: string;
  readonly leakageStudy?: boolean;
  readonly minutes?: number;
  readonly epochs?: number;
  readonly seed: number;
  readonly threads?: number;
  readonly device?: Device;
  readonly memory?: "normal" | "lean" | number;
  readonly resume?: boolean;
  readonly extend?: boolean;
  readonly init?: string;
}

export function trainCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "train <system>",
      purpose: "Train a system on a data set",
      about:
        "A data set is a BIDS folder with segmentations under derivatives/, a Decathlon or nnU-Net folder with a dataset.json, or a folder with one subfolder of images and one of labels with equal names. Systems that learn without labels take scans alone (red-wgan, smore), those that diagnose a BIDS folder or a table with a column of diagnoses (ad-svm, adcnn, voxcnn), deeppet a folder of gyrus simulate pet. Everything the run was made of, and every checkpoint, lands in the run folder. Ctrl-C saves and stops; --resume goes on from there, or from the last checkpoint after a crash, as if nothing had happened.",
      examples: [
        {
          line: "gyrus train segment-unet --data cohort --out runs/first --minutes 5",
          about: "Five minutes of training on all but a held-out part of the subjects.",
        },
        {
          line: "gyrus train segment-unet --data Task04_Hippocampus --fold 0 --set batch=4 --out runs/fold0",
          about: "The first of five folds, with one setting of the preset changed.",
        },
        {
          line: "gyrus train segment-unet --data cohort --out runs/first --resume",
          about: "Go on with a run that was stopped; give the same options as the first time.",
        },
      ],
    },
    (command) => {
      const whole = (option: string, low: number) => numberWithin(option, { low, whole: true });
      command
        .requiredOption("--data <folder>", "the data set to train on")
        .requiredOption("--out <run>", "the run folder: a new one, or with --resume the one to go on with")
        .option("--preset <name>", "network and schedule, see gyrus list; default: the system's first one")
        .option("--set <key=value>", "change a setting of the preset; may be given again", keyValue)
        .option(
          "--fold <k>",
          "which part is held out for validation, from 0; default: 0; all: one after the other, of systems that cross-validate (nnunet; ad-svm, adcnn and voxcnn, into OUT/fold0, OUT/fold1 …)",
          (text: string) => (text === "all" ? text : whole("--fold", 0)(text)),
        )
        .option("--split <file>", "a split as gyrus split writes it, of which --fold is held out")
        .option(
          "--leakage-study",
          "train on a split that leaks, and say so in the run's record, reports and evaluations for ever",
        )
        .option("--folds <n>", "number of parts that the subjects are dealt into", whole("--folds", 2))
        .option(
          "--minutes <m>",
          "stop in good order after m minutes",
          numberWithin("--minutes", { low: 0.01 }),
        )
        .option("--epochs <n>", "number of epochs; default: the preset's", whole("--epochs", 1))
        .option(
          "--seed <n>",
          "decides the split (not of nnunet, whose folds are the same for every seed), the first weights and every draw",
          whole("--seed", 0),
          1,
        )
        .option("--threads <n>", "threads of the engine; default: its own choice", whole("--threads", 1))
        .option(
          "--configuration <name>",
          "nnunet: 2d, 3d_fullres, 3d_lowres or 3d_cascade_fullres; default: 3d_fullres, or 2d where images are flat",
        )
        .option(
          "--memory <use>",
          "normal, or lean: computes activations again instead of keeping them, which gives the same result in less memory, slower; default: lean where it would not fit otherwise. nnunet also takes a number of GB to plan for",
          memoryUse,
        )
        .addOption(deviceOption())
        .option("--init <run>", "classification: begin with another run's best weights: AD-CN to sMCI-pMCI")
        .option("--resume", "go on from the last checkpoint of the run folder")
        .option(
          "--extend",
          "with --resume: give the run another end, --epochs or --minutes counted from its beginning (segment-unet, nnunet)",
        );
      addDataSetOptions(command);
    },
    async (shell, options, [name = ""]) => {
      const system = systemNamed(name, options.preset);
      if (options.fold === "all") requireFolds(system);
      requireTransferable(system, options);
      if (options.extend) requireExtendable(system);
      if (options.epochs !== undefined && options.minutes !== undefined)
        fail("bad-argument", {
          what: "a training cannot be as long as two options say",
          where: "--epochs and --minutes",
          expected: "one of them",
          found: `${options.epochs} epochs and ${options.minutes} minutes`,
        });
      const verbs = await system.verbs();
      const progress = progressOn(shell);
      const promise = "Stopping after this step, then saving.";
      const { summary, asked } = await interruptible(shell, promise, async (signal) => ({
        summary: await verbs.train({
          dataDir: options.data,
          dataset: dataSetOptions(options),
          runDir: options.out,
          set: settingsOf(options),
          seed: options.seed,
          resume: options.resume ?? false,
          ...(options.extend ? { extend: true } : {}),
          ...(options.preset === undefined ? {} : { preset: options.preset }),
          ...(options.init === undefined ? {} : { init: options.init }),
          ...(options.fold === "all" ? { allFolds: true } : {}),
          ...(typeof options.fold === "number" ? { fold: options.fold } : {}),
          ...(options.folds === undefined ? {} : { folds: options.folds }),
          ...(options.split === undefined ? {} : { split: options.split }),
          leakageStudy: options.leakageStudy ?? false,
          ...(options.minutes === undefined ? {} : { minutes: options.minutes }),
          ...(options.epochs === undefined ? {} : { epochs: options.epochs }),
          ...(options.threads === undefined ? {} : { threads: options.threads }),
          ...(typeof options.memory === "string" ? { memory: options.memory } : {}),
          ...(options.device === undefined ? {} : { device: options.device }),
          signal,
          onProgress: trainingProgress(progress),
        }),
        asked: signal.aborted,
      })).finally(progress.stop);
      const text = [trainedText(summary), nextSteps(system, summary, asked)].join("\n");
      return { result: summary, text, exit: asked ? exitCodes.failed : exitCodes.done };
    },
  );
}

function memoryUse(text: string): "normal" | "lean" | number {
  if (text === "normal" || text === "lean") return text;
  const gigabytes = text.trim() === "" ? Number.NaN : Number(text);
  if (gigabytes > 0 && Number.isFinite(gigabytes)) return gigabytes;
  return fail("bad-argument", {
    what: "the value of an option is not possible",
    where: "--memory",
    expected: "normal, lean, or for nnunet a number of GB",
    found: `"${text}"`,
    fix: "See the command's --help",
  });
}

/** Changes of the preset, those that have an option of their own among them. */
function settingsOf({ set = {}, configuration, memory }: Options): Readonly<Record<string, string>> {
  return {
    ...set,
    ...(configuration === undefined ? {} : { configuration }),
    ...(typeof memory === "number" ? { memoryGb: String(memory) } : {}),
  };
}

/** Throws `unsupported` for a system that trains one fold at a time. */
function requireFolds({ name, crossValidates }: System): void {
  if (crossValidates) return;
  fail("unsupported", {
    what: "this system trains one fold at a time",
    where: name,
    expected: "--fold with a number",
    found: "--fold all",
    fix: "Run it once for every fold, each with its own --out",
  });
}

/** Throws `unsupported` for a system that keeps to the length that a run was begun with. */
function requireExtendable({ name, extendable }: System): void {
  if (extendable) return;
  fail("unsupported", {
    what: `a run of ${name} keeps to the length that it was begun with`,
    where: "--extend",
    fix: "Leave it out, or start a new run with another --out",
  });
}

/** Throws `bad-argument` for --init with a system that knows nothing of it. */
function requireTransferable({ name, task }: Pick<System, "name" | "task">, { init }: Options): void {
  if (init !== undefined && task !== "classification")
    fail("bad-argument", {
      what: `${name} always begins with weights of its own`,
      where: "--init",
      found: init,
      fix: "Leave it out; --resume goes on with a run that was stopped",
    });
}

function trainedText(summary: TrainSummary): string {
  const { run, steps, seconds, stopped, bestScore, bestStep, scores, warnings, memory } = summary;
  const end = { done: "Trained", early: "Trained until nothing improved any more:", asked: "Trained" }[
    stopped
  ];
  const byLabel = Object.entries(scores)
    .map(([label, score]) => `${label} ${formatScore(score)}`)
    .join(", ");
  return [
    `${end} ${steps} steps in ${formatSeconds(seconds)}: ${run}`,
    ...foldsText(summary),
    ...(bestScore === null || summary.folds !== undefined
      ? []
      : [`Best in validation: ${formatScore(bestScore)} at step ${bestStep}`, wrap(byLabel, 96, "  ")]),
    `Memory at the peak: ${formatBytes(memory.peakBytes)}, images and validation included; estimated for the step: ${formatBytes(memory.estimateBytes)}`,
    ...warnings.map((warning) => `Note: ${warning}`),
  ].join("\n");
}

/** A line for every fold and, when all are done, their scores together. */
function foldsText({ folds, scores }: TrainSummary): string[] {
  if (folds === undefined) return [];
  const shown = (of: Readonly<Record<string, number>>): string => {
    const all = Object.entries(of);
    const dice = all.filter(([measure]) => measure.includes("dice"));
    const chosen = dice.length > 0 ? dice : all;
    // What has no choice to make, such as a regression, is not scored while it is trained.
    if (chosen.length === 0) return "trained";
    return chosen.map(([measure, score]) => `${measure} ${formatScore(score)}`).join(", ");
  };
  const scored = Object.keys(scores).length > 0 && folds.length > 0;
  return [
    ...folds.map(
      (one) => `fold ${one.fold}: ${shown(one.scores)} (${one.steps} steps, ${formatSeconds(one.seconds)})`,
    ),
    ...(scored ? [`all: ${shown(scores)}`] : []),
  ];
}

function nextSteps({ task }: Pick<System, "task">, { run, folds }: TrainSummary, asked: boolean): string {
  if (asked) return "Interrupted and saved. To go on, give the same command with --resume.";
  if (folds === undefined) return `Next: gyrus evaluate ${run}`;
  // Of diagnoses every fold is a run, judged by itself and put together by gyrus compare.
  return task === "classification"
    ? `Next: gyrus evaluate ${folds[0]?.run} and the other folds, then gyrus compare OTHER ${folds.map((one) => one.run).join(",")}`
    : `Scores of all cases: ${run}/cross-validation.json. Next: gyrus find-best ${dirname(run)}`;
}
