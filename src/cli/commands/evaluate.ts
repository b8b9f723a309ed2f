import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import type { Device } from "../../runtime/engine.js";
import { systemOf } from "../../systems/node.js";
import { requireBetter } from "../../tasks/evaluation.js";
import type { EvaluateRequest, EvaluateSummary } from "../../tasks/verbs.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { deviceOption } from "../device-option.js";
import { type ExitCode, exitCodes } from "../exit.js";
import { interruptible } from "../interrupt.js";
import { counted, formatScore, formatTable } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";
import { requireMirrored } from "../systems.js";

interface Options {
  readonly data?: string;
  readonly final?: boolean;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly mirror: boolean;
  readonly threads?: number;
  readonly device?: Device;
}

export function evaluateCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "evaluate <run>",
      purpose: "Judge a run on subjects that it was not trained on",
      about:
        "Every measure is given for every label, as a mean with its 95 % confidence interval, and for every case in the run folder. Without --data the held-out subjects of the run's own split are used. The test set of a split by gyrus split stays closed until --final, which a run has once.",
      examples: [
        { line: "gyrus evaluate runs/first", about: "On the held-out subjects." },
        {
          line: "gyrus evaluate runs/first --data other-cohort --at-least 0.85",
          about: "On another data set; the exit code is 1 when the overall score is below 0.85.",
        },
      ],
    },
    (command) => {
      command
        .option("--data <folder>", "another data set with labels; default: the run's held-out subjects")
        .option(
          "--final",
          "look at the sealed test set of the run's split: once, recorded in the run for ever",
        )
        .option(
          "--at-least <score>",
          "exit with 1 when the overall score is below this, in its own units",
          numberWithin("--at-least", { low: 0 }),
        )
        .option(
          "--at-most <error>",
          "exit with 1 when the overall error is above this: where lower is better (deeppet)",
          numberWithin("--at-most", { low: 0 }),
        )
        .option(
          "--no-mirror",
          "segment-unet, nnunet: do not average over mirrored copies of the scan: faster, often a bit worse",
        )
        .option(
          "--threads <n>",
          "threads of the engine; default: its own choice",
          numberWithin("--threads", { low: 1, whole: true }),
        )
        .addOption(deviceOption());
    },
    async (shell, options, [runDir = ""]) => {
      // Before a look is taken: a run has one at its sealed test set.
      if (options.atLeast !== undefined && options.atMost !== undefined)
        fail("bad-argument", {
          what: "--at-least and --at-most are given together",
          fix: "Leave one of them out",
        });
      const system = await systemOf(runDir);
      requireMirrored(system, options.mirror);
      const verbs = await system.verbs();
      const progress = progressOn(shell);
      const summary = await interruptible(shell, "Stopping after this case.", (signal) =>
        verbs.evaluate({
          runDir,
          ...(options.data === undefined ? {} : { dataDir: options.data }),
          final: options.final ?? false,
          ...betterOf(options),
          ...(options.mirror ? {} : { mirror: false }),
          ...(options.threads === undefined ? {} : { threads: options.threads }),
          ...(options.device === undefined ? {} : { device: options.device }),
          signal,
          onProgress: countingProgress(progress, "case"),
        }),
      ).finally(progress.stop);
      const { exit, verdict } = judge(summary, options);
      return { result: summary, text: evaluationText(summary, verdict), exit };
    },
  );
}

interface Limits {
  readonly atLeast?: number | undefined;
  readonly atMost?: number | undefined;
}

/** Which values are better, by the limit that is given. */
function betterOf({ atLeast, atMost }: Limits): Pick<EvaluateRequest, "better"> {
  if (atLeast === undefined && atMost === undefined) return {};
  return { better: atLeast === undefined ? "lower" : "higher" };
}

function judge(
  { overall, run, metrics }: EvaluateSummary,
  { atLeast, atMost }: Limits,
): { readonly exit: ExitCode; readonly verdict?: string } {
  const limit = atLeast ?? atMost;
  if (limit === undefined) return { exit: exitCodes.done };
  // Where no look is taken, as in cross-validation, nobody has asked before.
  requireBetter({ ...betterOf({ atLeast, atMost }), runDir: run }, metrics[0]);
  if (overall === undefined)
    fail("bad-data", {
      what: `there is no overall score to compare with ${atLeast === undefined ? "--at-most" : "--at-least"}`,
      where: run,
      fix: "Evaluate on cases that have the labels which the run was trained on",
    });
  const enough = atLeast === undefined ? overall.mean <= limit : overall.mean >= limit;
  const words = atLeast === undefined ? ["at most", "above"] : ["at least", "below"];
  return {
    exit: enough ? exitCodes.done : exitCodes.found,
    verdict: `The overall score of ${formatScore(overall.mean)} is ${words[enough ? 0 : 1]} ${limit}.`,
  };
}

/** A mean and, where there is one, its interval. */
function intervalText(
  { mean, low, high }: NonNullable<EvaluateSummary["overall"]>,
  decimals?: number,
): string {
  const shown = formatScore(mean, decimals);
  return low === null || high === null
    ? shown
    : `${shown} [${formatScore(low, decimals)}, ${formatScore(high, decimals)}]`;
}

function evaluationText(summary: EvaluateSummary, verdict: string | undefined): string {
  const { set, caseCount, labels, metrics, overall, interval, notes = [] } = summary;
  const cell = (label: string, metric: string, decimals: number): string => {
    const found = summary.summary.find((entry) => entry.label === label && entry.metric === metric);
    if (found === undefined) return "–";
    return intervalText(found, decimals);
  };
  const columns = metrics.map(({ name, unit, key, decimals = unit === undefined ? 3 : 2 }) => ({
    name: unit === undefined ? name : `${name} (${unit})`,
    key,
    decimals,
    right: true,
  }));
  const table = formatTable(
    [{ name: "label" }, ...columns],
    labels.map((label) => [label, ...columns.map(({ key, decimals }) => cell(label, key, decimals))]),
  );
  const headline = metrics[0]?.name ?? "score";
  return [
    `${set}: ${counted(caseCount, "case")}`,
    "",
    table,
    "",
    ...(overall === undefined ? [] : [`Overall ${headline}: ${intervalText(overall)}`]),
    `In brackets: ${interval}`,
    ...notes,
    ...(verdict === undefined ? [] : [verdict]),
    `Next: gyrus report ${summary.run}`,
  ].join("\n");
}
