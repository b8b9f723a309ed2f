import type { Command } from "commander";
import { systemOf } from "../../systems/node.js";
import { defineCommand, type Finish } from "../command.js";

export function reportCommand(finish: Finish): Command {
  return defineCommand(
    finish,
    {
      usage: "report <run>",
      purpose: "Write a run's report: one HTML page that opens offline",
      about:
        "Curves of loss and scores, the table of cases, pictures of the best, the median and the worst case, the configuration, the data and the split. Run gyrus evaluate first to have results in it.",
      examples: [
        { line: "gyrus report runs/first", about: "Writes runs/first/report.html and prints its path." },
        {
          line: "gyrus evaluate runs/first && gyrus report runs/first",
          about: "Judge first, so that the report has results to show.",
        },
      ],
    },
    () => {},
    async (_shell, _options, [runDir = ""]) => {
      const verbs = await (await systemOf(runDir)).verbs();
      const made = await verbs.report({ runDir });
      return { result: made, text: made.path };
    },
  );
}
