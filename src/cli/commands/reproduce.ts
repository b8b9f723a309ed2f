import type { Command } from "commander";
import { fail } from "../../core/errors.js";
import { nodeFiles } from "../../io/node.js";
import type { ReproduceSummary } from "../../studies/run.node.js";
import type { Study } from "../../studies/study.js";
import { findStudy } from "../../systems/find.js";
import { defineCommand, type Finish, numberWithin } from "../command.js";
import { exitCodes } from "../exit.js";
import { interruptible } from "../interrupt.js";
import { counted, formatSeconds, formatTable } from "../print.js";
import { progressOn, shareProgress } from "../progress.js";

interface Options {
  readonly out: string;
  readonly minutes?: number;
  readonly data?: string;
  readonly seed: number;
  readonly threads?: number;
  readonly resume?: boolean;
}

export function reproduceCommand(finish: Finish): Command {
  return defineCommand<Options>(
    finish,
    {
      usage: "reproduce <system>",
      purpose: "Put a paper's claims to the test on simulated data, in minutes",
      about:
        "Small experiments, the paper's numbers beside what was found here, claim by claim: DIR/report.html and DIR/claims.json. It exits with 0 when it ran to the end, whatever holds. gyrus list shows what can be reproduced. Ctrl-C loses the parts in progress; --resume goes on, with the same result.",
      examples: [
        {
          line: "gyrus reproduce batch-norm --out studies/batch-norm",
          about: "Batch normalisation: about eight minutes on two cores.",
        },
        {
          line: "gyrus reproduce batch-norm --out studies/quick --minutes 2 --seed 7",
          about: "A smaller study with other random numbers.",
        },
        {
          line: "gyrus reproduce deeppet --out studies/deeppet",
          about: "DeepPET beside FBP, ML-EM and OSEM: about seventeen minutes on two cores.",
        },
        {
          line: "gyrus reproduce smore --out studies/smore",
          about: "SMORE beside interpolation, by slice thickness.",
        },
        {
          line: "gyrus reproduce nnunet --out studies/nnunet",
          about: "nnU-Net's plans, configurations and choices on four kinds of data.",
        },
        {
          line: "gyrus reproduce adcnn --out studies/adcnn",
          about: "Alzheimer's disease by networks, with and without leakage.",
        },
        {
          line: "gyrus reproduce batch-norm --out studies/batch-norm --resume",
          about: "Go on with a study that was stopped; give the same options as the first time.",
        },
      ],
    },
    (command) => {
      command
        .requiredOption("--out <folder>", "a new folder, or with --resume the one to go on with")
        .option(
          "--minutes <m>",
          "how much to compute: what takes about m minutes on two cores; default: the study's own",
          numberWithin("--minutes", { low: 0.05, high: 600 }),
        )
        .option(
          "--data <folder>",
          `real images to look at as well. audit: a data set of heads, instead of simulated ones. A folder with those of these folders that are at hand: t1-head (smore, red-wgan), repeat-scans, labelled-t1, templates-spm and templates-mni (red-wgan), templates-spm and pet-receptor-maps (deeppet), spinal-cord and brats-2013 (nnunet), oasis1-slabs (adcnn, which takes that folder itself, too); default: ${realImages}, where it is there. Other studies take none`,
        )
        .option(
          "--seed <n>",
          "decides heads, first weights and every draw",
          numberWithin("--seed", { low: 0, whole: true }),
          1,
        )
        .option(
          "--threads <n>",
          "parts worked on at a time; default: one for each processor",
          numberWithin("--threads", { low: 1, whole: true }),
        )
        .option("--resume", "go on with the study in the folder");
    },
    async (shell, options, [name = ""]) => {
      const listed = findStudy(name);
      const study = await listed.study();
      const dataDir = await folderOfImages(options.data, name, study);
      const { reproduce } = await import("../../studies/run.node.js");
      const progress = progressOn(shell);
      const promise = "Stopping; what is finished stays.";
      const summary = await interruptible(shell, promise, (signal) =>
        reproduce(listed, study, {
          outDir: options.out,
          seed: options.seed,
          resume: options.resume ?? false,
          ...(dataDir === undefined ? {} : { dataDir }),
          ...(options.minutes === undefined ? {} : { minutes: options.minutes }),
          ...(options.threads === undefined ? {} : { threads: options.threads }),
          signal,
          onProgress: shareProgress(progress),
        }),
      ).finally(progress.stop);
      const { shown: _, ...result } = summary;
      return {
        result,
        text: summary.finished ? finishedText(summary) : interruptedText(summary),
        exit: summary.finished ? exitCodes.done : exitCodes.failed,
      };
    },
  );
}

/** Where real images lie beside the folder that one works in. */
const realImages = "../shared/data";

/** Throws `not-found` for a folder that was asked for and is not there, `bad-argument` where a study looks at none. */
async function folderOfImages(
  given: string | undefined,
  name: string,
  { images = "certain files" }: Study,
): Promise<string | undefined> {
  if (images === "none" && given !== undefined)
    fail("bad-argument", {
      what: `--data means nothing to ${name}, which looks at simulated images alone`,
      where: "--data",
      fix: "Leave it out",
    });
  if (images !== "certain files" && given === undefined) return undefined;
  const there = (await nodeFiles.list(given ?? realImages)) !== undefined;
  if (there) return given ?? realImages;
  if (given !== undefined)
    fail("not-found", {
      what: "there is no such folder",
      where: given,
      expected: "a folder of real images",
      fix: "Check the path, or leave --data out",
    });
  return undefined;
}

function finishedText({ shown, report, seconds }: ReproduceSummary): string {
  const columns = [
    { name: "claim" },
    { name: "paper" },
    { name: "here", right: true },
    { name: "95 % interval", right: true },
    { name: "holds" },
  ];
  const rows = shown.map(({ id, shown: said, holds }) => [
    id,
    said.paper,
    said.ours,
    said.interval,
    holds ? "yes" : "no",
  ]);
  const held = shown.filter(({ holds }) => holds).length;
  return [
    formatTable(columns, rows),
    "",
    `${held} of ${counted(shown.length, "claim")} hold; ${formatSeconds(seconds)} of work for one thread. Statements, figures and limits are in the report:`,
    report ?? "",
  ].join("\n");
}

function interruptedText({ folder }: ReproduceSummary): string {
  return `Interrupted; what was finished is in ${folder}. To go on, give the same command with --resume.`;
}
