// Make a fresh clone ready to run: packages installed, TypeScript compiled. Quick when both are done already.
// Plain JavaScript without dependencies, since it runs before there are any.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);

/** Install and compile what is missing or out of date. Ends the process when that fails. */
export function setup() {
  const oldest = Number(/\d+/.exec(JSON.parse(readFileSync(at("package.json"), "utf8")).engines.node)[0]);
  if (Number(process.versions.node.split(".")[0]) < oldest)
    give(`Gyrus needs Node ${oldest} or later; this is Node ${process.versions.node}.`);
  if (!installed()) install();
  const sources = sourceState();
  if (builtFrom()?.files !== sources.files) build(sources);
}

/** True when node_modules is at least as new as package-lock.json. npm writes its own record there last. */
function installed() {
  const record = at("node_modules", ".package-lock.json");
  return existsSync(record) && statSync(record).mtimeMs >= statSync(at("package-lock.json")).mtimeMs;
}

function install() {
  const modules = at("node_modules");
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink())
    give(
      `${modules} is a link to ${readlinkSync(modules)}, whose packages are older than package-lock.json. npm ci would empty that folder: install there yourself, or remove the link and run this command again.`,
    );
  console.log("Installing packages (npm ci) …");
  // No package here needs its install script. That of onnxruntime-node would fetch CUDA libraries from elsewhere
  // and fail the installation without that network: skipped twice over, here and by ignore-scripts in .npmrc.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" };
  const words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  if (npm(words, { env }).status !== 0)
    give(
      "The packages could not be installed: see npm's words above. The package registry must be reachable.",
    );
}

/** Run npm with the same npm that called us where there is one: no shell, no .cmd file to find on Windows. */
function npm(words, options) {
  const own = process.env.npm_execpath;
  const settings = { cwd: root, stdio: "inherit", ...options };
  if (own?.endsWith("js")) return spawnSync(process.execPath, [own, ...words], settings);
  const windows = process.platform === "win32";
  return spawnSync(windows ? "npm.cmd" : "npm", words, { ...settings, shell: windows });
}

/** A digest of everything that the compiled code depends on, and the names alone, to notice removed files. */
function sourceState() {
  const names = readdirSync(at("src"), { recursive: true })
    .map((name) => name.split("\\").join("/"))
    .filter((name) => name.endsWith(".ts"))
    .sort();
  const all = [
    ...names.map((name) => `src/${name}`),
    "tsconfig.json",
    "tsconfig.build.json",
    "package-lock.json",
  ];
  const files = createHash("sha256");
  for (const name of all)
    files
      .update(`${name}\0`)
      .update(readFileSync(at(name)))
      .update("\0");
  return { names: digest(names.join("\n")), files: files.digest("hex") };
}

const stamp = at("dist", ".built.json");

function builtFrom() {
  try {
    return JSON.parse(readFileSync(stamp, "utf8"));
  } catch {
    return undefined;
  }
}

function build(sources) {
  // Compiled files whose source is gone must not linger: start over when the list of sources has changed.
  if (builtFrom()?.names !== sources.names) rmSync(at("dist"), { recursive: true, force: true });
  console.log("Compiling …");
  if (tool("typescript", "tsc", ["-p", "tsconfig.build.json"]) !== 0) give("Gyrus could not be compiled.");
  chmodSync(at("dist", "cli", "main.js"), 0o755);
  writeFileSync(stamp, `${JSON.stringify(sources)}\n`);
}

/** Run a package's command with this Node, without a shell; its exit code. */
export function tool(name, command, words) {
  const folder = at("node_modules", ...name.split("/"));
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const script = join(folder, typeof bin === "string" ? bin : bin[command]);
  return spawnSync(process.execPath, [script, ...words], { cwd: root, stdio: "inherit" }).status ?? 1;
}

function digest(text) {
  return createHash("sha256").update(text).digest("hex");
}

function give(reason) {
  console.error(reason);
  process.exit(1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) setup();
