import { statfs } from "node:fs/promises";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import type { Command } from "commander";
import type { Backend, BackendTrial } from "../../runtime/backends.node.js";
import { version } from "../../version.js";
import { defineCommand, type Finish } from "../command.js";
import { exitCodes } from "../exit.js";
import { formatBytes, formatTable, wrap } from "../print.js";

/** The oldest major version of Node that Gyrus runs on, as `engines` in package.json says. */
const oldestNode = 20;

type Tried = Backend & BackendTrial & { readonly advice?: string };

interface Diagnosis {
  readonly gyrus: string;
  readonly node: string;
  readonly platform: string;
  readonly engine: string;
  readonly cores: number;
  readonly processor: string;
  readonly memoryBytes: { readonly available: number; readonly total: number };
  readonly diskFreeBytes: number | null;
  readonly backends: readonly Tried[];
  readonly problems: readonly string[];
}

export function doctorCommand(finish: Finish): Command {
  return defineCommand(
    finish,
    {
      usage: "doctor",
      purpose: "Check this machine: engine, back ends, memory, disk, and what is missing",
      about:
        "Every back end is made to run a small network and its result is checked. The exit code is 1 when something is wrong that Gyrus needs; a back end that is only an extra does not count.",
      examples: [
        { line: "gyrus doctor", about: "What works here, and how to get what does not." },
        { line: "gyrus doctor --json", about: "The same for a program, or to go with a bug report." },
      ],
    },
    () => {},
    async (shell) => {
      shell.say("Trying the back ends …");
      const found = await diagnose();
      return {
        result: found,
        text: describe(found),
        exit: found.problems.length === 0 ? exitCodes.done : exitCodes.found,
      };
    },
  );
}

interface EngineTrial {
  readonly version: string;
  readonly backends: readonly Tried[];
  /** Why the engine does not even load. */
  readonly broken?: string;
}

/** The engine is loaded here and not above: where it cannot be, this command is the one to say so. */
async function tryEngine(): Promise<EngineTrial> {
  try {
    const { listBackends, tryBackend } = await import("../../runtime/backends.node.js");
    const { deviceAdvice } = await import("../../runtime/devices.node.js");
    const { engineVersion } = await import("../../runtime/node.js");
    const backends: Tried[] = [];
    for (const backend of listBackends()) {
      const trial = await tryBackend(backend.name);
      const advice = trial.works ? undefined : deviceAdvice[backend.name];
      backends.push({ ...backend, ...trial, ...(advice === undefined ? {} : { advice }) });
    }
    return { version: engineVersion, backends };
  } catch (cause) {
    const broken = cause instanceof Error ? cause.message : String(cause);
    return { version: "not loaded", backends: [], broken };
  }
}

async function diagnose(): Promise<Diagnosis> {
  const { version: engineVersion, backends, broken } = await tryEngine();
  const available = process.availableMemory?.() ?? freemem();
  const diskFreeBytes = await statfs(".").then(
    ({ bavail, bsize }) => bavail * bsize,
    () => null,
  );
  const cpu = backends.find(({ name }) => name === "cpu");
  const problems = [
    ...(Number(process.versions.node.split(".")[0]) >= oldestNode
      ? []
      : [`Node ${process.versions.node} is too old: install Node ${oldestNode} or later`]),
    ...(cpu?.works
      ? []
      : [
          `the engine does not run on the CPU (${cpu?.reason ?? broken ?? "no such back end"}): install Gyrus again`,
        ]),
    ...(available < 2 ** 30
      ? [`only ${formatBytes(available)} of memory is free: training wants 1 GiB`]
      : []),
    ...(diskFreeBytes !== null && diskFreeBytes < 2 ** 29
      ? [`only ${formatBytes(diskFreeBytes)} of disk is free here`]
      : []),
  ];
  return {
    gyrus: version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    engine: `onnxruntime-node ${engineVersion}`,
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? "unknown",
    memoryBytes: { available, total: totalmem() },
    diskFreeBytes,
    backends,
    problems,
  };
}

function describe(found: Diagnosis): string {
  const { memoryBytes, diskFreeBytes, backends, problems } = found;
  const facts: readonly (readonly [string, string])[] = [
    ["gyrus", found.gyrus],
    ["node", `${found.node} on ${found.platform}`],
    ["engine", found.engine],
    ["processor", `${found.processor}, ${found.cores} cores`],
    ["memory", `${formatBytes(memoryBytes.available)} free of ${formatBytes(memoryBytes.total)}`],
    ["disk", diskFreeBytes === null ? "unknown" : `${formatBytes(diskFreeBytes)} free in this folder`],
  ];
  const rows = backends.map(({ name, bundled, works, seconds }) => [
    name,
    works ? "works" : "no",
    bundled ? "with the package" : "on request",
    works ? `${seconds.toFixed(1)} s to load and run` : "",
  ]);
  return [
    ...facts.map(([name, value]) => `${name.padEnd(10)} ${value}`),
    "",
    formatTable([{ name: "back end" }, { name: "here" }, { name: "binaries" }, { name: "trial" }], rows),
    ...backends.flatMap(({ name, advice, reason }) =>
      advice === undefined && reason === undefined
        ? []
        : ["", wrap(`${name}: ${advice ?? ""}`, 96), wrap(`The engine says: ${shorten(reason)}`, 96, "  ")],
    ),
    "",
    problems.length === 0 ? readyOn(backends) : problems.map((text) => `PROBLEM  ${text}`).join("\n"),
  ].join("\n");
}

function readyOn(backends: readonly Tried[]): string {
  const others = backends.filter(({ name, works }) => works && name !== "cpu").map(({ name }) => name);
  return [
    "Ready to train and predict on the CPU.",
    ...others.map((name) => `--device ${name} works too.`),
  ].join(" ");
}

function shorten(reason = "nothing"): string {
  return reason.length > 240 ? `${reason.slice(0, 240)} …` : reason;
}
