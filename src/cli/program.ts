import { Command } from "commander";
import { version } from "../version.js";
import type { Finish } from "./command.js";
import { auditCommand } from "./commands/audit.js";
import { compareCommand } from "./commands/compare.js";
import { convertCommand } from "./commands/convert.js";
import { denoiseCommand } from "./commands/denoise.js";
import { doctorCommand } from "./commands/doctor.js";
import { evaluateCommand } from "./commands/evaluate.js";
import { exportCommand } from "./commands/export.js";
import { findBestCommand } from "./commands/find-best.js";
import { inspectCommand } from "./commands/inspect.js";
import { listCommand } from "./commands/list.js";
import { planCommand } from "./commands/plan.js";
import { predictCommand } from "./commands/predict.js";
import { prepareCommand } from "./commands/prepare.js";
import { reconstructCommand } from "./commands/reconstruct.js";
import { reportCommand } from "./commands/report.js";
import { reproduceCommand } from "./commands/reproduce.js";
import { simulateCommand } from "./commands/simulate.js";
import { splitCommand } from "./commands/split.js";
import { superresCommand } from "./commands/superres.js";
import { trainCommand } from "./commands/train.js";

/** Every command, in the order of a first session. */
const commands = [
  listCommand,
  simulateCommand,
  inspectCommand,
  prepareCommand,
  splitCommand,
  auditCommand,
  convertCommand,
  planCommand,
  reconstructCommand,
  denoiseCommand,
  superresCommand,
  trainCommand,
  findBestCommand,
  predictCommand,
  evaluateCommand,
  compareCommand,
  exportCommand,
  reportCommand,
  reproduceCommand,
  doctorCommand,
] as const;

/** The whole command line. Wrong usage is thrown, not printed, so that it reads like every other error. */
export function gyrusProgram(finish: Finish): Command {
  const program = new Command("gyrus")
    .description("Deep learning for brain imaging: train, run and judge.")
    .version(version, "-V, --version", "show the version")
    .helpOption("-h, --help", "show this help, or a command's own: gyrus train --help")
    .helpCommand(false)
    .addHelpText(
      "after",
      [
        "",
        "A first session:",
        "  $ gyrus simulate brain --out cohort",
        "  $ gyrus train segment-unet --data cohort --out runs/first --minutes 5",
        "  $ gyrus evaluate runs/first",
        "  $ gyrus report runs/first",
        "",
        "Every command takes --json, --quiet and --debug. Exit codes: 0 done, 1 found what it was asked",
        "to look for, 2 wrong usage or input, 3 failed on the way.",
      ].join("\n"),
    );
  for (const make of commands) program.addCommand(make(finish));
  for (const command of [program, ...program.commands])
    command
      .exitOverride()
      .configureOutput({ outputError: () => {} })
      .showSuggestionAfterError(true);
  return program;
}
