import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import { suggestionFor } from "../../core/suggest.js";
import { openDataSet, writeText } from "../../io/node.js";
import { measureDataSet, type WorkOptions } from "../../tasks/segmentation/nnunet/facts.node.js";
import { type StepMemory, trainingBytes } from "../../tasks/segmentation/nnunet/memory.node.js";
import {
  type ConfigurationName,
  configurationOf,
  formatPlan,
  type Plan,
} from "../../tasks/segmentation/nnunet/plan.js";
import { planDataSet } from "../../tasks/segmentation/nnunet/planner.js";
import { prepareDataSet, preparedFolder } from "../../tasks/segmentation/nnunet/prepare.node.js";
import { plannerRules, type RulesName } from "../../tasks/segmentation/nnunet/rules.js";
import { shearWarnings } from "../../tasks/segmentation/nnunet/shear.js";
import { explainPlan } from "../../tasks/segmentation/nnunet/words.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { addDataSetOptions, type DataSetFlags, dataSetOptions } from "../dataset-options.js";
import { exitCodes } from "../exit.js";
import { interruptible } from "../interrupt.js";
import { counted, formatBytes, wrap } from "../print.js";
import { countingProgress, type Progress, progressOn } from "../progress.js";
import type { Answer, Shell } from "../shell.js";

interface Options extends DataSetFlags {
  readonly data: string;
  readonly memory?: number;
  readonly rules: string;
  readonly out?: string;
  readonly prepare?: string;
  readonly configuration: readonly string[];
  readonly workers?: number;
  readonly ram?: number;
}

export function planCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "plan",
      purpose: "Plan a segmentation by nnU-Net's rules and say why; prepare the data by the plan",
      about:
        "Reads every labelled case, and decides voxel size, normalisation, patch, batch and network for 2-D, 3-D and, where images are large, a cascade. The plan is JSON that can be read and changed. With --prepare the cases are cropped, normalised and resampled into a folder, in parallel; interrupted, the same command goes on where it was.",
      examples: [
        {
          line: "gyrus plan --data Task04_Hippocampus",
          about: "Each choice and its reason.",
        },
        {
          line: "gyrus plan --data Task04_Hippocampus --memory 4 --out plan.json --prepare prepared",
          about: "For a device of 4 GB; the plan and the prepared cases are kept.",
        },
      ],
    },
    (command) => {
      command
        .requiredOption("--data <folder>", "the data set")
        .option(
          "--memory <GB>",
          "memory of the device that trains; default: what the rules were made for, 8 (v2) or 12 (v1)",
          numberWithin("--memory", { low: 0.01, high: 1024 }),
        )
        .option("--rules <name>", `${Object.keys(plannerRules).join(" (2021), ")} (2018)`, "v2")
        .option("--out <file>", "write the plan here, as JSON")
        .option("--prepare <folder>", "prepare the cases into this folder")
        .option(
          "--configuration <names>",
          "with --prepare: which ones, by commas; default: 3d_fullres, or 2d where images are flat",
          (text: string) => text.split(",").map((name) => name.trim()),
          [] as string[],
        )
        .option(
          "--workers <n>",
          "threads; default: one for every processor",
          numberWithin("--workers", { low: 1, high: 256, whole: true }),
        )
        .option(
          "--ram <GB>",
          "memory that all threads together may take; default: three quarters of what is free",
          numberWithin("--ram", { low: 0.01, high: 4096 }),
        );
      addDataSetOptions(command);
    },
    (shell, options) =>
      interruptible(shell, "Stopping after the cases that are being worked on.", (signal) =>
        planAndPrepare(shell, options, signal),
      ),
  );
}

async function planAndPrepare(shell: Shell, options: Options, signal: AbortSignal): Promise<Answer> {
  const rules = rulesNamed(options.rules);
  if (options.configuration.length > 0 && options.prepare === undefined)
    fail("bad-argument", {
      what: "--configuration says what to prepare, and nothing is to be prepared",
      where: options.configuration.join(","),
      expected: "--prepare with a folder",
      fix: "Add it, or leave --configuration out: the plan has all configurations",
    });
  const dataset = await openDataSet(options.data, dataSetOptions(options));
  if (dataset.labels.length === 0)
    fail("bad-data", {
      what: "the data set has no labels to plan for",
      where: options.data,
      fix: "Name the labels with --labels, or the derivative that holds them with --derivative",
    });
  const progress = progressOn(shell);
  const spread = spreadOf(options, signal, progress);
  try {
    const { fingerprint } = await measureDataSet(dataset, spread("reading case"));
    const plan = planDataSet(fingerprint, dataset, {
      rules,
      ...(options.memory === undefined ? {} : { memoryGb: options.memory }),
    });
    const warnings = shearWarnings(fingerprint.cases);
    if (options.out !== undefined) await writeText(options.out, formatPlan(plan));
    const prepared: { folder: string; made: number; kept: number }[] = [];
    if (options.prepare !== undefined)
      for (const name of configurationsWanted(options, plan)) {
        const found = await prepareDataSet(dataset, plan, name, options.prepare, spread(`${name}: case`));
        const made = found.filter((one) => one.made).length;
        prepared.push({ folder: preparedFolder(options.prepare, name), made, kept: found.length - made });
      }
    progress.stop();
    const reasons = explainPlan(plan);
    const training = await memoryOf(plan);
    return {
      result: {
        plan,
        fingerprint,
        reasons,
        training,
        warnings,
        ...(prepared.length > 0 ? { prepared } : {}),
      },
      text: [
        `${dataset.name}: ${counted(plan.dataset.cases, "labelled case")}`,
        ...reasons.map(({ choice, because }) => wrap(`${choice}: ${because}`, 100, "  ").trimStart()),
        wrap(trainingWords(training), 100, "  ").trimStart(),
        ...warnings.map((warning) => `Caution: ${warning}`),
        ...(options.out === undefined ? [] : [`Plan: ${options.out}`]),
        ...prepared.map(({ folder, made, kept }) => `Prepared: ${folder}, ${made} made, ${kept} kept`),
      ].join("\n"),
    };
  } catch (error) {
    if (!signal.aborted) throw error;
    const text = "Interrupted. What was prepared is kept; the same command goes on with the rest.";
    return { result: { interrupted: true }, text, exit: exitCodes.failed };
  } finally {
    progress.stop();
  }
}

function rulesNamed(name: string): RulesName {
  const known = Object.keys(plannerRules);
  if (!known.includes(name))
    fail("not-found", {
      what: `there are no rules "${name}"`,
      where: "--rules",
      expected: known.join(", "),
      fix: suggestionFor(name, known),
    });
  return name as RulesName;
}

function configurationsWanted({ configuration }: Options, plan: Plan): ConfigurationName[] {
  const usual: ConfigurationName = plan.configurations["3d_fullres"] === undefined ? "2d" : "3d_fullres";
  const wanted = configuration.length > 0 ? configuration : [usual];
  for (const name of wanted) configurationOf(plan, name);
  return wanted as ConfigurationName[];
}

/** Threads, memory and progress as asked for. */
function spreadOf({ workers, ram }: Options, signal: AbortSignal, progress: Progress) {
  return (piece: string): WorkOptions => ({
    ...(workers === undefined ? {} : { workers }),
    ...(ram === undefined ? {} : { memoryBytes: ram * 2 ** 30 }),
    signal,
    onProgress: countingProgress(progress, piece),
  });
}

/** Bytes of a training step of every configuration, on the CPU; a cascade's second stage is as large as the full one. */
async function memoryOf(plan: Plan): Promise<Record<string, StepMemory>> {
  const found: Record<string, StepMemory> = {};
  for (const [name, configuration] of Object.entries(plan.configurations))
    if (configuration.previous === undefined) found[name] = await trainingBytes(plan, configuration);
  return found;
}

function trainingWords(training: Readonly<Record<string, StepMemory>>): string {
  const each = Object.entries(training).map(([name, { bytes, leanBytes }]) => {
    const lean = leanBytes === undefined ? "" : ` (${formatBytes(leanBytes)} lean)`;
    return `${name} ${formatBytes(bytes)}${lean}`;
  });
  const free = formatBytes(process.availableMemory());
  return `Training steps on this machine's processor take about: ${each.join(", ")}; ${free} are free. The memory of the plan is that of a GPU, which keeps half the digits.`;
}
