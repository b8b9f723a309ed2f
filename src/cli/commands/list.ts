import type { Command } from "commander";
import { systems } from "../../systems/registry.js";
import type { System } from "../../systems/system.js";
import { defineCommand, type Finish } from "../command.js";
import { wrap } from "../print.js";

export function listCommand(finish: Finish): Command {
  return defineCommand(
    finish,
    {
      usage: "list",
      purpose: "List the systems: what each does, its paper and its presets",
      examples: [
        { line: "gyrus list", about: "Every system that this version can train, with its presets." },
        { line: "gyrus list --json", about: "The same for a program." },
      ],
    },
    () => {},
    async () => ({ result: systems.map(plain), text: systems.map(describe).join("\n\n") }),
  );
}

function plain({ name, task, summary, paper, presets }: System) {
  const named = Object.entries(presets).map(([preset, about]) => ({ name: preset, summary: about.summary }));
  return { name, task, summary, paper, presets: named };
}

function describe({ name, task, summary, paper, presets }: System): string {
  const { authors, title, venue, year, arxiv } = paper;
  const width = Math.max(...Object.keys(presets).map((preset) => preset.length));
  return [
    `${name}  (${task})`,
    wrap(`${summary}.`, 96, "  "),
    wrap(`${authors}: ${title}. ${venue} ${year}${arxiv === undefined ? "" : `, arXiv:${arxiv}`}.`, 96, "  "),
    "  presets:",
    ...Object.entries(presets).map(([preset, about]) => `    ${preset.padEnd(width)}  ${about.summary}`),
  ].join("\n");
}
