import type { Command } from "commander";
import type { Best } from "../../tasks/segmentation/nnunet/best.js";
import { findBest } from "../../tasks/segmentation/nnunet/find-best.node.js";
import type { ConfigurationName } from "../../tasks/segmentation/nnunet/plan.js";
import { defineCommand, type Finish, numberWithin, requireOneOf } from "../command.js";
import { interruptible } from "../interrupt.js";
import { formatTable, wrap } from "../print.js";
import { countingProgress, progressOn } from "../progress.js";

interface Options {
  readonly data?: string;
  readonly configurations?: readonly string[];
  readonly workers?: number;
}

const known: readonly ConfigurationName[] = ["2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"];

export function findBestCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "find-best <experiment>",
      purpose: "Choose an nnU-Net experiment's configuration, or two of them, by cross-validation",
      about:
        "Every configuration that is trained, and every two of them together, by their mean Dice on held-out cases; then whether keeping only the largest connected piece helps, of all foreground and of each label: a step stays where its Dice rises and no label falls. The choice is written to best.json, which gyrus predict, evaluate, export and report follow. Nothing is predicted anew: training has kept what each fold says of its held-out cases.",
      examples: [
        {
          line: "gyrus find-best runs/hippocampus",
          about: "After gyrus train nnunet has trained the folds.",
        },
        {
          line: "gyrus find-best runs/hippocampus --configurations 2d,3d_fullres",
          about: "Leave out a configuration whose folds are not all trained.",
        },
      ],
    },
    (command) => {
      command
        .option("--data <folder>", "the experiment's data set, where it does not lie any more where it lay")
        .option("--configurations <names>", "compare these only, by commas", (text: string) =>
          text.split(",").map((name) => name.trim()),
        )
        .option(
          "--workers <n>",
          "cases compared at a time; default: one for every processor",
          numberWithin("--workers", { low: 1, whole: true }),
        );
    },
    async (shell, { data, configurations, workers }, [dir = ""]) => {
      for (const name of configurations ?? []) requireOneOf("--configurations", name, known);
      const progress = progressOn(shell);
      const made = await interruptible(shell, "Stopping after this case.", (signal) =>
        findBest({
          dir,
          ...(data === undefined ? {} : { dataDir: data }),
          ...(configurations === undefined
            ? {}
            : { configurations: configurations as readonly ConfigurationName[] }),
          ...(workers === undefined ? {} : { workers }),
          signal,
          onProgress: countingProgress(progress, "case"),
        }),
      ).finally(progress.stop);
      return { result: made.best, text: textOf(made.best, made.path, dir) };
    },
  );
}

function textOf({ candidates, decisions, sentence, notes }: Best, path: string, dir: string): string {
  const labels = Object.keys(candidates[0]!.labels);
  const right = true;
  return [
    formatTable(
      [{ name: "ensemble" }, { name: "mean", right }, ...labels.map((name) => ({ name, right }))],
      candidates.map((one) => [
        one.ensemble.join(" + "),
        one.meanForegroundDice.toFixed(4),
        ...labels.map((label) => one.labels[label]?.toFixed(4) ?? "–"),
      ]),
    ),
    "",
    ...decisions.map(
      ({ name, kept, reason }) =>
        `Largest piece of ${name}: ${kept ? "kept alone" : "not kept alone"}; ${reason}.`,
    ),
    "",
    wrap(sentence, 100, ""),
    ...notes,
    path,
    `Next: gyrus evaluate ${dir}, gyrus report ${dir}, or gyrus predict ${dir} <scans...> --out predictions`,
  ].join("\n");
}
