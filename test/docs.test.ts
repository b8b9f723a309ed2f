import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gyrusProgram } from "../src/cli/program.js";
import { studies, systems } from "../src/systems/registry.js";
import { built } from "./cli/bin.js";

const repository = fileURLToPath(new URL("../", import.meta.url));
const pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
const decisions = readdirSync(join(repository, "docs/decisions")).map((name) => `docs/decisions/${name}`);
const read = (page: string): string => readFileSync(join(repository, page), "utf8");
const readme = read("README.md");

/** The blocks of one language in a page. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , code]) => code!);
}

describe("the programs of the README", () => {
  // Within the repository, so that `gyrus` means this package by its own name; in dist/, which git ignores.
  let folder = "";
  beforeAll(async () => {
    await built();
    await mkdir(join(repository, "dist"), { recursive: true });
    folder = await mkdtemp(join(repository, "dist", "readme-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const programs = blocks(readme, "js");
  const runProgram = async (index: number): Promise<string> => {
    const path = join(folder, `program${index}.mjs`);
    await writeFile(path, programs[index]!);
    return runNode(path, folder);
  };

  it("are two", () => expect(programs).toHaveLength(2));

  it("train, judge and report on simulated heads", async () => {
    const out = await runProgram(0);
    expect(out).toMatch(/^4 cases, labels: cerebrospinal fluid, /);
    const [, steps, dice, path] = /^(\d+) steps, Dice (0\.\d+), report in (.*)$/m.exec(out) ?? [];
    expect(Number(steps)).toBeGreaterThan(0);
    expect(Number(dice)).toBeGreaterThan(0);
    expect(existsSync(join(folder, path!))).toBe(true);
  });

  it("train a network of one's own until its loss has fallen", async () => {
    const out = await runProgram(1);
    const [, first, last] = /^loss ([\d.]+) at first, ([\d.]+) after 30 steps$/m.exec(out) ?? [];
    expect(Number(last)).toBeLessThan(0.3 * Number(first));
  });
});

describe("the commands of the documents", () => {
  const program = gyrusProgram(() => {});
  const lines = [
    ...[...pages, ...decisions]
      .flatMap((page) => blocks(read(page), "sh"))
      .flatMap((block) => block.split("\n")),
    ...program.commands.flatMap((command) =>
      helpOf(command)
        .split("\n")
        .map((line) => line.replace("  $ ", "")),
    ),
  ]
    .flatMap((line) => line.replace(/\s+#.*$/, "").split(" && "))
    .filter((line) => /^gyrus /.test(line));

  it.each([...new Set(lines)])("%s", (line) => {
    const [, name, ...words] = line.trim().split(/\s+/);
    const command = program.commands.find((one) => one.name() === name);
    expect(command, `there is no command ${name}`).toBeDefined();
    const flags = words.filter((word) => word.startsWith("--"));
    const known = [...command!.options.map(({ long }) => long), "--help"];
    expect(flags.filter((flag) => !known.includes(flag))).toEqual([]);
    const missing = command!.options.filter(({ mandatory, long }) => mandatory && !flags.includes(long!));
    expect(missing.map(({ long }) => long)).toEqual([]);
    if (name === "train") expect(systems.map((system) => system.name)).toContain(words[0]);
    const reproducible = [...systems.filter(({ study }) => study !== undefined), ...studies];
    if (name === "reproduce") expect(reproducible.map((one) => one.name)).toContain(words[0]);
    const preset = words[words.indexOf("--preset") + 1];
    if (name === "train" && words.includes("--preset"))
      expect(Object.keys(systems.find((system) => system.name === words[0])!.presets)).toContain(preset);
  });
});

function helpOf(command: {
  outputHelp(): void;
  configureOutput(to: { writeOut(text: string): void }): unknown;
}) {
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}

describe("the links of the documents", () => {
  it.each([...pages, ...decisions])("of %s lead somewhere", (page) => {
    const links = [...read(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, to]) => to!);
    const lost = links.filter((to) => !/^https?:/.test(to) && !existsSync(join(repository, page, "..", to)));
    expect(lost).toEqual([]);
  });
});

describe("the ladder of the README", () => {
  it("has every system of the registry", () => {
    for (const { name } of systems) expect(readme).toContain(`\`${name}\``);
  });
});

function runNode(path: string, cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path], { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(out) : reject(new Error(`exit code ${code}: ${err}`))));
  });
}
