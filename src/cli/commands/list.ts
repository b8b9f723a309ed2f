import type { Command } from "commander";
import { studies, systems } from "../../systems/registry.js";
import type { ListedStudy, Paper, System } from "../../systems/system.js";
import { defineCommand, type Finish } from "../command.js";
import { wrap } from "../print.js";

export function listCommand(finish: Finish): Command {
  return defineCommand(
    finish,
    {
      usage: "list",
      purpose: "List the systems and studies: what each does, its paper, its presets",
      examples: [
        {
          line: "gyrus list",
          about: "Every system that this version can train, and every study that it can reproduce.",
        },
        { line: "gyrus list --json", about: "The same for a program." },
      ],
    },
    () => {},
    async () => ({
      result: [...systems.map(plain), ...studies.map(plainStudy)],
      text: [...systems.map(describe), ...studies.map(describeStudy)].join("\n\n"),
    }),
  );
}

function plain({ name, task, summary, paper, presets, study }: System) {
  const named = Object.entries(presets).map(([preset, about]) => ({ name: preset, summary: about.summary }));
  return { name, task, summary, paper, presets: named, study: study !== undefined };
}

function plainStudy({ name, summary, paper }: ListedStudy) {
  return { name, task: "study", summary, paper, presets: [], study: true };
}

function describe({ name, task, summary, paper, presets, study }: System): string {
  const width = Math.max(...Object.keys(presets).map((preset) => preset.length));
  return [
    `${name}  (${task})`,
    wrap(`${summary}.`, 96, "  "),
    wrap(cite(paper), 96, "  "),
    "  presets:",
    ...Object.entries(presets).map(([preset, about]) => `    ${preset.padEnd(width)}  ${about.summary}`),
    ...(study === undefined ? [] : [`  gyrus reproduce ${name}`]),
  ].join("\n");
}

function describeStudy({ name, summary, paper }: ListedStudy): string {
  return [
    `${name}  (study)`,
    wrap(`${summary}.`, 96, "  "),
    wrap(cite(paper), 96, "  "),
    `  gyrus reproduce ${name}`,
  ].join("\n");
}

const cite = ({ authors, title, venue, year, arxiv }: Paper): string =>
  `${authors}: ${title}. ${venue} ${year}${arxiv === undefined ? "" : `, arXiv:${arxiv}`}.`;
