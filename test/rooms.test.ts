import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";

/**
 * The rooms from the ground up, and for each the rooms that its files import from: only rooms above it in this
 * list. A new import between rooms is written down here on purpose, or it does not happen.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  core: [],
  graph: ["core"],
  ops: ["core", "graph"],
  autodiff: ["core", "graph", "ops"],
  lower: ["core", "graph", "ops"],
  runtime: ["core", "graph", "ops", "lower"],
  nn: ["core", "graph", "ops"],
  loss: ["core", "graph", "ops", "autodiff"],
  optim: ["core", "graph", "ops"],
  volume: ["core"],
  io: ["core", "volume"],
  transforms: ["core", "volume"],
  prepare: ["core", "volume", "io"],
  classify: ["core", "volume", "prepare"],
  sim: ["core", "volume", "io"],
  metrics: ["core", "volume"],
  reconstruct: ["core", "graph", "ops", "autodiff", "volume", "sim", "metrics"],
  denoise: ["core", "volume"],
  models: ["core", "graph", "ops", "nn"],
  train: ["core", "graph", "ops", "autodiff", "lower", "runtime", "nn", "optim"],
  report: ["core", "volume"],
  audit: ["core", "volume", "io", "metrics", "report"],
  tasks: [
    "core",
    "graph",
    "ops",
    "autodiff",
    "lower",
    "runtime",
    "nn",
    "loss",
    "optim",
    "volume",
    "io",
    "transforms",
    "prepare",
    "classify",
    "sim",
    "metrics",
    "reconstruct",
    "denoise",
    "models",
    "train",
    "report",
    "audit",
  ],
  studies: [
    "core",
    "graph",
    "ops",
    "lower",
    "runtime",
    "nn",
    "loss",
    "optim",
    "volume",
    "io",
    "classify",
    "sim",
    "metrics",
    "reconstruct",
    "denoise",
    "models",
    "train",
    "report",
    "audit",
    "tasks",
  ],
  systems: ["core", "graph", "io", "classify", "models", "tasks", "studies"],
  cli: [
    "core",
    "audit",
    "runtime",
    "volume",
    "io",
    "prepare",
    "sim",
    "reconstruct",
    "denoise",
    "tasks",
    "studies",
    "systems",
  ],
};

/** Files outside every room: the doors, which only re-export, and the version, which every room may read. */
const doors = ["index.ts", "node.ts", "web.ts"];
const everywhere = "version.ts";

/** Packages that run in Node only. */
const nodeOnly = ["onnxruntime-node", "piscina", "commander", "cli-progress"];

/** Packages that run in a browser only. */
const webOnly = ["onnxruntime-web", "onnxruntime-web/wasm", "onnxruntime-web/webgpu"];

interface Import {
  readonly to: string;
  /** `import()`: loaded when it is wanted; `import type`: gone when it runs. */
  readonly kind: "value" | "type" | "dynamic";
}

const source = new URL("../src/", import.meta.url);
const files = readdirSync(source, { recursive: true })
  .map((name) => String(name).split("\\").join("/"))
  .filter((name) => name.endsWith(".ts"))
  .sort();
const texts = new Map(files.map((name) => [name, readFileSync(new URL(name, source), "utf8")]));
const imports = new Map([...texts].map(([name, text]) => [name, importsOf(text)]));

function importsOf(text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const found = (pattern: RegExp, kind: Import["kind"]): Import[] =>
    [...code.matchAll(pattern)].map(([, to]) => ({ to: to!, kind }));
  return [
    ...found(/^\s*(?:import|export)\s(?!type\s)(?:[^"';]*?\sfrom\s)?\s*"([^"]+)"/gm, "value"),
    ...found(/^\s*(?:import|export)\stype\s[^"';]*?\sfrom\s*"([^"]+)"/gm, "type"),
    ...found(/\bimport\(\s*"([^"]+)"\s*\)/g, "dynamic"),
  ];
}

/** The files within src/ that a file imports. */
function localImports(name: string): (Import & { readonly file: string })[] {
  return imports
    .get(name)!
    .filter(({ to }) => to.startsWith("."))
    .map((one) => ({ ...one, file: posix.join(posix.dirname(name), one.to).replace(/\.js$/, ".ts") }));
}

const roomOf = (name: string): string => (name.includes("/") ? name.slice(0, name.indexOf("/")) : name);
const isDoor = (name: string): boolean => doors.includes(name);
const isPlatform = (name: string): boolean =>
  roomOf(name) === "cli" || /(^|[/.])node\.ts$/.test(name.replace("graph/node.ts", ""));

const isWeb = (name: string): boolean => /(^|\/)web\.ts$/.test(name);

describe("rooms", () => {
  it("finds the imports of a file", () => {
    const text =
      'import { a } from "./a.js";\nimport type {\n  B,\n} from "../b/b.js";\nexport * from "./c.js";\nconst d = () => import("./d.js");\n// import x from "./no.js";\n';
    expect(importsOf(text)).toEqual([
      { to: "./a.js", kind: "value" },
      { to: "./c.js", kind: "value" },
      { to: "../b/b.js", kind: "type" },
      { to: "./d.js", kind: "dynamic" },
    ]);
  });

  it("are all on the map, and only they", () => {
    const found = new Set(files.filter((name) => !isDoor(name) && name !== everywhere).map(roomOf));
    expect([...found].sort()).toEqual(Object.keys(rooms).sort());
  });

  it("are on the map in an order in which each imports from above only", () => {
    const order = Object.keys(rooms);
    const upward = Object.entries(rooms).flatMap(([room, allowed]) =>
      allowed.filter((other) => order.indexOf(other) >= order.indexOf(room)).map((o) => `${room} -> ${o}`),
    );
    expect(upward).toEqual([]);
  });

  it("import from the rooms that the map allows", () => {
    const strays = files
      .filter((name) => !isDoor(name))
      .flatMap((name) =>
        localImports(name)
          .filter(({ file }) => file !== everywhere && roomOf(file) !== roomOf(name))
          .filter(({ file }) => !rooms[roomOf(name)]?.includes(roomOf(file)))
          .map(({ file }) => `${name} -> ${file}`),
      );
    expect(strays).toEqual([]);
  });

  it("import files that exist", () => {
    const lost = files.flatMap((name) =>
      localImports(name)
        .filter(({ file }) => !texts.has(file))
        .map(({ file }) => `${name} -> ${file}`),
    );
    expect(lost).toEqual([]);
  });

  it("hold no cycle of files", () => {
    const done = new Set<string>();
    const cycles: string[] = [];
    const walk = (name: string, path: readonly string[]): void => {
      if (path.includes(name)) cycles.push([...path.slice(path.indexOf(name)), name].join(" -> "));
      if (path.includes(name) || done.has(name)) return;
      for (const { file, kind } of localImports(name)) if (kind !== "dynamic") walk(file, [...path, name]);
      done.add(name);
    };
    for (const name of files) walk(name, []);
    expect(cycles).toEqual([]);
  });

  it("keep Node's own modules and packages in node.ts, *.node.ts and cli/", () => {
    const strays = files
      .filter((name) => !isPlatform(name))
      .flatMap((name) =>
        imports
          .get(name)!
          .filter(({ to }) => to.startsWith("node:") || nodeOnly.includes(to))
          .map(({ to }) => `${name} -> ${to}`),
      );
    expect(strays).toEqual([]);
  });

  it("keep the browser's packages in web.ts, and reach those files from the door only", () => {
    const strays = files
      .filter((name) => !isWeb(name))
      .flatMap((name) => [
        ...imports
          .get(name)!
          .filter(({ to }) => webOnly.includes(to))
          .map(({ to }) => `${name} -> ${to}`),
        ...localImports(name)
          .filter(({ file, kind }) => kind === "value" && isWeb(file))
          .map(({ file }) => `${name} -> ${file}`),
      ]);
    expect(strays).toEqual([]);
  });

  it("reach files for Node from files for Node only, or when they are wanted", () => {
    const strays = files
      .filter((name) => !isPlatform(name))
      .flatMap((name) =>
        localImports(name)
          .filter(({ file, kind }) => kind === "value" && isPlatform(file))
          .map(({ file }) => `${name} -> ${file}`),
      );
    expect(strays).toEqual([]);
  });

  it("use doors from outside only, and doors hold re-exports only", () => {
    const users = files.flatMap((name) =>
      localImports(name)
        .filter(({ file }) => isDoor(file))
        .map(({ file }) => `${name} -> ${file}`),
    );
    expect(users).toEqual([]);
    for (const door of files.filter(isDoor)) {
      const code = texts.get(door)!.replace(/\/\*[\s\S]*?\*\//g, "");
      const rest = code.replace(/export\s+(type\s+)?(\*|\{[^}]*\})\s+from\s+"[^"]+";/g, "").trim();
      expect(rest, door).toBe("");
    }
  });

  it("export by name", () => {
    expect(files.filter((name) => /^export default\b/m.test(texts.get(name)!))).toEqual([]);
  });
});
