import { Command, Option } from "commander";
import { fail } from "../core/errors.js";
import { suggestionFor } from "../core/suggest.js";
import type { ExitCode } from "./exit.js";
import { wrap } from "./print.js";
import { type Answer, answer, type CommonOptions, type Shell, shellFor } from "./shell.js";

/** A line to type, and what it does. */
export interface Example {
  readonly line: string;
  readonly about: string;
}

export interface CommandDescription {
  /** Name and arguments as commander wants them: "train <system>". */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly purpose: string;
  /** What to know before using it: a few sentences. */
  readonly about?: string;
  readonly examples: readonly Example[];
}

/** How commands hand over the exit code; the bin sets it on the process. */
export type Finish = (code: ExitCode) => void;

/** What a command does with what was typed. */
export type Action<Options> = (shell: Shell, options: Options, words: readonly string[]) => Promise<Answer>;

/**
 * A command with the options that all share and its examples under its help. `configure` adds its own arguments
 * and options; `act` gets the words in order (a variadic argument's one after the other).
 */
export function defineCommand<Options extends object>(
  finish: Finish,
  { usage, purpose, about, examples }: CommandDescription,
  configure: (command: Command) => void,
  act: Action<Options>,
): Command {
  const [name = "", ...args] = usage.split(" ");
  const command = new Command(name).summary(purpose);
  command.description(`${purpose}.${about === undefined ? "" : ` ${about}`}`);
  for (const argument of args.filter((text) => !command.registeredArguments.some((a) => a.name() === text)))
    command.argument(argument);
  configure(command);
  addCommonOptions(command);
  command.addHelpText("after", `\nExamples:\n${examples.map(showExample).join("\n")}`);
  command.action(async (...passed: readonly unknown[]) => {
    const options = command.opts<Options & CommonOptions>();
    const words = passed.slice(0, command.registeredArguments.length).flat().map(String);
    const shell = shellFor(options);
    finish(await answer(shell, () => act(shell, options, words)));
  });
  return command;
}

function addCommonOptions(command: Command): void {
  command
    .addOption(new Option("--json", "print the result as JSON on standard output, and nothing else"))
    .addOption(new Option("--quiet", "no progress"))
    .addOption(new Option("--debug", "with an error, where in the code it came from"))
    .helpOption("-h, --help", "show this help");
}

function showExample({ line, about }: Example): string {
  return `  $ ${line}\n${wrap(about, 96, "      ")}`;
}

/** A parser for options that are numbers within limits; the error names the option. */
export function numberWithin(
  option: string,
  { low, high, whole = false }: { readonly low: number; readonly high?: number; readonly whole?: boolean },
): (text: string) => number {
  const kind = whole ? "a whole number" : "a number";
  const range = high === undefined ? `of at least ${low}` : `from ${low} to ${high}`;
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    const within = value >= low && value <= (high ?? Number.POSITIVE_INFINITY) && Number.isFinite(value);
    if (!within || (whole && !Number.isInteger(value)))
      fail("bad-argument", {
        what: "the value of an option is not possible",
        where: option,
        expected: `${kind} ${range}`,
        found: `"${text}"`,
        fix: "See the command's --help",
      });
    return value;
  };
}

/** `targetMm` as it is typed: "--target-mm". */
export function optionName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Throws `not-found`, with the nearest word, unless an option's value is one of those known. */
export function requireOneOf(option: string, given: string, known: readonly string[]): void {
  if (!known.includes(given))
    fail("not-found", {
      what: `there is no ${option.slice(2)} "${given}"`,
      where: option,
      expected: known.join(", "),
      fix: suggestionFor(given, known),
    });
}

/** Gathers `--set key=value`, given any number of times. */
export function keyValue(
  text: string,
  gathered: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const cut = text.indexOf("=");
  const key = text.slice(0, Math.max(0, cut)).trim();
  if (key === "")
    fail("bad-argument", {
      what: "a setting is not understood",
      where: "--set",
      expected: "key=value, such as --set batchSize=4",
      found: `"${text}"`,
      fix: "Write the name of the setting, an equals sign and the value, without spaces",
    });
  return { ...gathered, [key]: text.slice(cut + 1).trim() };
}
