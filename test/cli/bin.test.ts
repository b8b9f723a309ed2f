import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeModel } from "../../src/graph/onnx/model.js";
import { studies, systems } from "../../src/systems/registry.js";
import { version } from "../../src/version.js";
import { built, gyrus, starting } from "./bin.js";

const commands = [
  "list",
  "simulate",
  "inspect",
  "prepare",
  "split",
  "audit",
  "convert",
  "plan",
  "reconstruct",
  "denoise",
  "superres",
  "train",
  "predict",
  "evaluate",
  "compare",
  "export",
  "report",
  "reproduce",
  "doctor",
] as const;

let folder = "";
const run = (...words: string[]) => gyrus(words, folder);

beforeAll(async () => {
  await built();
  folder = await mkdtemp(join(tmpdir(), "gyrus-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The fields of an error under --json; also checks that nothing else was printed. */
async function errorOf(...words: string[]) {
  const { code, out, err } = await run(...words, "--json");
  expect(out).toBe("");
  return { code, error: (JSON.parse(err) as { error: Record<string, string> }).error };
}

describe("help", () => {
  it("lists every command with its purpose", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    const listed = [...out.matchAll(/^ {2}([a-z]+) .*[A-Z]/gm)].map(([, name]) => name);
    expect(listed).toEqual([...commands]);
    expect(out).toContain("A first session:");
  });

  it.each(commands)("of %s says what it does, its options, and two examples or more", async (name) => {
    const { code, out, err } = await run(name, "--help");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(`Usage: gyrus ${name} [options]`);
    expect(out).toContain("--json");
    expect(out.split("Examples:")[1]!.match(/^ {2}\$ gyrus /gm)!.length).toBeGreaterThanOrEqual(2);
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(110);
  });

  it("is what a bare gyrus shows, as wrong usage", async () => {
    const { code, out, err } = await run();
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("Usage: gyrus [options] [command]");
  });

  it("has the version of the package", async () => {
    expect(await run("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });
});

describe("wrong usage", () => {
  const cases: readonly (readonly [string[], string])[] = [
    [["trian"], 'gyrus: unknown command "trian". Did you mean "train"?\n'],
    [["list", "--jsno"], 'gyrus: unknown option "--jsno". Did you mean "--json"?\n'],
    [["simulate", "brain"], 'gyrus: required option "--out <folder>" not specified. See gyrus --help.\n'],
    [["inspect"], 'gyrus: missing required argument "paths". See gyrus --help.\n'],
    [
      ["simulate", "brian", "--out", "x"],
      'gyrus: brian: there is no such cohort. Expected brain, alzheimer, pet. Did you mean "brain"?\n',
    ],
    [
      ["simulate", "brain", "--out", "x", "--preset", "tinny"],
      'gyrus: --preset: there is no preset "tinny". Expected tiny, small, full. Did you mean "tiny"?\n',
    ],
    [
      ["simulate", "brain", "--out", "x", "--subjects", "1.5"],
      'gyrus: --subjects: the value of an option is not possible. Expected a whole number from 1 to 9999. Found "1.5". See the command\'s --help.\n',
    ],
    [
      ["simulate", "brain", "--out", "x", "--ages", "young"],
      'gyrus: --ages: the range of ages is not understood. Expected two ages in years, such as 20-80. Found "young".\n',
    ],
    [
      ["train", "segment-unet", "--data", "x", "--out", "y", "--set", "epochs"],
      'gyrus: --set: a setting is not understood. Expected key=value, such as --set batchSize=4. Found "epochs". Write the name of the setting, an equals sign and the value, without spaces.\n',
    ],
    [
      ["train", "segment-unet", "--data", "x", "--out", "y", "--fold", "all"],
      "gyrus: segment-unet: this system trains one fold at a time. Expected --fold with a number. Found --fold all. Run it once for every fold, each with its own --out.\n",
    ],
    [
      ["train", "segment-unet", "--data", "x", "--out", "y", "--epochs", "3", "--minutes", "1"],
      "gyrus: --epochs and --minutes: a training cannot be as long as two options say. Expected one of them. Found 3 epochs and 1 minutes.\n",
    ],
    [
      ["train", "nnunet", "--data", "x", "--out", "y", "--memory", "much"],
      'gyrus: --memory: the value of an option is not possible. Expected normal, lean, or for nnunet a number of GB. Found "much". See the command\'s --help.\n',
    ],
    [["inspect", "nowhere.nii"], "gyrus: nowhere.nii: there is no such file. Check the path.\n"],
    [["evaluate", "nowhere"], "gyrus: nowhere: there is no such file. Check the path.\n"],
  ];

  it.each(cases)("%j is one line that says what to do, and exits with 2", async (words, line) => {
    expect(await run(...words)).toEqual({ code: 2, out: "", err: line });
    expect(await readdir(folder)).toEqual([]);
  });

  it("of a system or a preset names the nearest", async () => {
    const { name, presets } = systems[0]!;
    const slip = await errorOf("train", `${name}x`, "--data", "x", "--out", "y");
    expect(slip).toMatchObject({ code: 2, error: { kind: "not-found", fix: `Did you mean "${name}"?` } });
    const first = Object.keys(presets)[0]!;
    const wrong = await errorOf("train", name, "--data", "x", "--out", "y", "--preset", `${first}x`);
    expect(wrong).toMatchObject({ code: 2, error: { where: name, fix: `Did you mean "${first}"?` } });
  });

  it("is JSON on standard error with --json", async () => {
    expect(await errorOf("simulate", "brain", "--out", "x", "--seed", "one")).toEqual({
      code: 2,
      error: {
        kind: "bad-argument",
        what: "the value of an option is not possible",
        where: "--seed",
        expected: `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
        found: '"one"',
        fix: "See the command's --help",
      },
    });
    expect((await errorOf("lisst")).error).toMatchObject({
      kind: "bad-argument",
      fix: 'Did you mean "list"?',
    });
  });
});

describe("list", () => {
  it("prints the registry as JSON and nothing else", async () => {
    const { code, out, err } = await run("list", "--json");
    expect([code, err]).toEqual([0, ""]);
    const listed = JSON.parse(out) as { name: string; presets: { name: string }[] }[];
    expect(listed.map(({ name }) => name)).toEqual([...systems, ...studies].map(({ name }) => name));
    expect(listed[0]!.presets.map(({ name }) => name)).toEqual(Object.keys(systems[0]!.presets));
  });

  it("names every system, its paper and its presets for people", async () => {
    const { out } = await run("list");
    for (const { name, paper, presets } of systems)
      for (const text of [name, String(paper.year), ...Object.keys(presets)]) expect(out).toContain(text);
  });
});

describe("simulate", () => {
  const words = ["simulate", "brain", "--preset", "tiny", "--subjects", "2", "--spacing", "8"];

  it("writes a data set, says where, and gives the same bytes again", async () => {
    const first = await run(...words, "--out", "one", "--json");
    expect([first.code, first.err]).toEqual([0, ""]);
    const made = JSON.parse(first.out) as { folder: string; truth: string; subjects: string[] };
    expect(made.subjects).toEqual(["sub-001", "sub-002"]);
    const second = await run(...words, "--out", "two");
    expect(second.code).toBe(0);
    expect(second.out).toContain(join(folder, "two"));
    expect(second.err).toContain("head 2 of 2");
    const path = "sub-001/anat/sub-001_T1w.nii.gz";
    expect(await digest(join(folder, "two", path))).toBe(await digest(join(made.folder, path)));
  });

  it("says nothing on standard error with --quiet", async () => {
    const { code, err } = await run(...words, "--out", "three", "--quiet");
    expect([code, err]).toEqual([0, ""]);
  });

  it("touches nothing where something is already", async () => {
    const before = await readdir(join(folder, "one"), { recursive: true });
    const { code, error } = await errorOf(...words, "--out", "one");
    expect([code, error.kind]).toEqual([2, "exists"]);
    expect(await readdir(join(folder, "one"), { recursive: true })).toEqual(before);
  });

  it.skipIf(process.platform === "win32")("leaves nothing behind at Ctrl-C", async () => {
    const { child, finished } = starting([...words, "--subjects", "500", "--out", "never"], folder);
    child.stderr.once("data", () => child.kill("SIGINT"));
    const { code, out, err } = await finished;
    expect([code, out]).toEqual([3, ""]);
    expect(err).toContain("gyrus: interrupted; nothing was written.");
    expect((await readdir(folder)).filter((name) => name.includes("never"))).toEqual([]);
  });

  it("makes what inspect finds nothing wrong with", async () => {
    const whole = await run("inspect", "one", "--derivative", "gyrus-truth", "--json");
    expect([whole.code, whole.err]).toEqual([0, ""]);
    expect(JSON.parse(whole.out)).toMatchObject([{ kind: "dataset", summary: { cases: 2, labelled: 2 } }]);
  });
});

describe("inspect", () => {
  it("exits with 1 on a damaged file, which it names", async () => {
    const path = join(folder, "short.nii.gz");
    await writeFile(path, gzipSync(new Uint8Array(5000)).subarray(0, 20));
    const { code, out } = await run("inspect", "short.nii.gz");
    expect(code).toBe(1);
    expect(out).toMatch(/short\.nii\.gz[\s\S]*ERROR/);
  });
});

describe("a model", () => {
  it("that is a folder without a run.json is refused", async () => {
    const { code, error } = await errorOf("report", ".");
    expect(code).toBe(2);
    expect(error).toMatchObject({ kind: "not-found", what: "this folder is not a run" });
  });

  it("without Gyrus's metadata is refused", async () => {
    const bytes = encodeModel({ nodes: [], inputs: {}, outputs: {}, initializers: {}, opsets: { "": 18 } });
    await writeFile(join(folder, "foreign.onnx"), bytes);
    const { code, error } = await errorOf("predict", "foreign.onnx", "scan.nii", "--out", "y");
    expect(code).toBe(2);
    expect(error).toMatchObject({ kind: "unsupported", where: "foreign.onnx" });
  });

  it("that is no ONNX file is refused", async () => {
    await writeFile(join(folder, "text.onnx"), "hello");
    const { code, error } = await errorOf("predict", "text.onnx", "scan.nii", "--out", "y");
    expect([code, error.kind]).toEqual([2, "bad-file"]);
  });
});

describe("doctor", () => {
  it("runs a graph on the CPU and says what else there is", async () => {
    const { code, out, err } = await run("doctor", "--json");
    const found = JSON.parse(out) as { backends: Record<string, unknown>[]; problems: string[] };
    expect([code, err]).toEqual([found.problems.length === 0 ? 0 : 1, ""]);
    expect(found.backends.find(({ name }) => name === "cpu")).toMatchObject({ works: true, bundled: true });
    for (const { works, advice, reason } of found.backends)
      if (works !== true) expect([typeof advice, typeof reason]).toEqual(["string", "string"]);
  });
});

async function digest(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}
