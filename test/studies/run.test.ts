import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { judge } from "../../src/studies/judge.js";
import { type ReproduceRequest, reproduce } from "../../src/studies/run.node.js";
import { claimsSchema, type Study } from "../../src/studies/study.js";

const named = { name: "coin", paper: { title: "Of coins", authors: "Tosser", venue: "JAR", year: 1900 } };

/** Which parts were worked on, in this test. */
let worked: string[] = [];
let closed = 0;
let onWork: (id: string) => void = () => undefined;

/** A study whose parts are coins: each a number that its name and the seed decide. */
const coins: Study = {
  title: "Coins & <others>",
  description: "Coins are tossed",
  minutes: 1,
  plan: ({ seed, minutes }) => {
    const ids = Array.from({ length: 8 * minutes }, (_, n) => `toss-${n + 1}`);
    return {
      configuration: { coins: ids.length },
      parts: ids.map((id) => ({ id, what: id, cost: 1 })),
      openingCost: 1,
      open: async ({ onProgress }) => {
        onProgress?.(1);
        return {
          run: async (id) => {
            await new Promise((resolve) => setTimeout(resolve, 5));
            worked.push(id);
            onWork(id);
            return { heads: rng(seed).split(id).normal(1, 0.1) };
          },
          close: async () => {
            closed++;
          },
        };
      },
      conclude: async (read) => ({
        claims: [
          judge(
            {
              id: "heads",
              statement: "Coins come down",
              paper: 2,
              values: ids.map((id) => (read(id) as { heads: number }).heads),
              unit: "times",
              holds: { above: 0.5 },
            },
            rng(seed),
          ),
        ],
        notes: ["A note"],
        sections: [{ id: "more", heading: "More", blocks: [{ kind: "text", text: "Words & more" }] }],
      }),
    };
  },
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-study-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(() => {
  worked = [];
  closed = 0;
  onWork = () => undefined;
});

const at = (name: string): string => join(folder, name);
const run = (name: string, changes: Partial<ReproduceRequest> = {}) =>
  reproduce(named, coins, { outDir: at(name), seed: 1, resume: false, threads: 2, ...changes });
const claimsOf = (name: string) => readFile(join(at(name), "claims.json"), "utf8");

describe("a study", () => {
  it("writes its claims and its report", async () => {
    const fractions: number[] = [];
    const summary = await run("whole", { onProgress: ({ fraction }) => fractions.push(fraction) });
    expect(summary).toMatchObject({
      study: "coin",
      finished: true,
      report: join(at("whole"), "report.html"),
    });
    const claims = claimsSchema.parse(JSON.parse(await claimsOf("whole")));
    expect(claims).toEqual(summary.claims);
    expect(Object.keys(claims[0]!)).toEqual(["id", "statement", "paper", "ours", "interval", "holds"]);
    expect(claims[0]!.holds).toBe(true);
    const page = await readFile(summary.report!, "utf8");
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).toContain("Coins &amp; &lt;others&gt;");
    expect(page).toContain("Tosser: Of coins. JAR 1900.");
    expect(page).not.toMatch(/<script|https?:\/\//);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeCloseTo(1);
    expect(closed).toBe(1);
  });

  it("gives the same bytes for the same seed, whatever the number of threads, and others for another", async () => {
    await run("one", { threads: 1 });
    await run("five", { threads: 5 });
    await run("other", { seed: 2 });
    expect(await claimsOf("five")).toBe(await claimsOf("one"));
    expect(await claimsOf("other")).not.toBe(await claimsOf("one"));
  });

  it("that is interrupted keeps what is finished, and resumed ends as if it had not been", async () => {
    await run("straight");
    worked = [];
    const controller = new AbortController();
    onWork = () => {
      if (worked.length === 3) controller.abort();
    };
    const stopped = await run("stopped", { signal: controller.signal });
    expect(stopped).toMatchObject({ finished: false, claims: [], report: null });
    await expect(claimsOf("stopped")).rejects.toThrow();
    const before = worked.length;
    expect(before).toBeLessThan(8);
    const resumed = await run("stopped", { resume: true });
    expect(resumed.finished).toBe(true);
    // What was in progress when it was stopped is done again, and nothing else.
    expect(worked.length).toBeLessThanOrEqual(8 + 2);
    expect(await claimsOf("stopped")).toBe(await claimsOf("straight"));
  });

  it("that is finished is concluded again without work when it is resumed", async () => {
    await run("twice");
    const first = await claimsOf("twice");
    worked = [];
    await run("twice", { resume: true });
    expect(worked).toEqual([]);
    expect(await claimsOf("twice")).toBe(first);
  });

  it("hands on what a part throws and stays resumable", async () => {
    onWork = (id) => {
      if (id === "toss-4") throw new Error("the coin is lost");
    };
    await expect(run("lost")).rejects.toThrow("the coin is lost");
    expect(closed).toBe(1);
    onWork = () => undefined;
    expect((await run("lost", { resume: true })).finished).toBe(true);
  });
});

describe("parts that come after others", () => {
  /** Three parts, the last of which adds up what the others found; the first is slow. */
  const sums = (parts: string[]): Study => ({
    ...coins,
    plan: (size) => ({
      ...coins.plan(size),
      configuration: {},
      openingCost: 0,
      parts: [
        { id: "sum", what: "sum", cost: 1, after: ["slow", "quick"] },
        { id: "slow", what: "slow", cost: 1 },
        { id: "quick", what: "quick", cost: 1 },
      ],
      open: async () => ({
        run: async (id, read) => {
          parts.push(`${id} begins`);
          if (id === "slow") await new Promise((resolve) => setTimeout(resolve, 60));
          parts.push(`${id} ends`);
          return id === "sum" ? Number(read("slow")) + Number(read("quick")) : 21;
        },
        close: async () => undefined,
      }),
      conclude: async (read) => ({ claims: [], notes: [`The sum is ${read("sum")}`], sections: [] }),
    }),
  });

  it.each([1, 2, 3])("wait for them and read what they found, on %i lanes", async (threads) => {
    const order: string[] = [];
    const outDir = at(`after-${threads}`);
    const options = { outDir, seed: 1, resume: false, threads };
    expect((await reproduce(named, sums(order), options)).finished).toBe(true);
    expect(order.slice(-2)).toEqual(["sum begins", "sum ends"]);
    expect(order).toHaveLength(6);
    expect(await readFile(join(outDir, "report.html"), "utf8")).toContain("The sum is 42");
  });
});

it("a part that is given up because another one failed is no result", async () => {
  let give = (): void => undefined;
  const half: Study = {
    ...coins,
    plan: (size) => ({
      ...coins.plan(size),
      parts: ["fails", "long"].map((id) => ({ id, what: id, cost: 1 })),
      open: async () => ({
        run: (id) =>
          new Promise((resolve, reject) => {
            if (id === "fails") setTimeout(() => reject(new Error("torn")), 10);
            else give = () => resolve("half of it");
          }),
        // As trainings do: they save where they are and end.
        close: async () => give(),
      }),
    }),
  };
  const outDir = at("half");
  await expect(reproduce(named, half, { outDir, seed: 1, resume: false, threads: 2 })).rejects.toThrow(
    "torn",
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await readdir(join(outDir, "parts"))).toEqual([]);
});

describe("a study is refused", () => {
  it("in a folder that holds something", async () => {
    await mkdir(at("full"));
    await writeFile(join(at("full"), "thesis.tex"), "");
    // Parts of the study that was lost in the test before may still be at work.
    await new Promise((resolve) => setTimeout(resolve, 100));
    worked = [];
    await expect(run("full")).rejects.toMatchObject({
      kind: "exists",
      details: { found: "1 entries, among them thesis.tex" },
    });
    expect(worked).toEqual([]);
  });

  it("where a file stands", async () => {
    await writeFile(at("file"), "");
    await expect(run("file")).rejects.toMatchObject({ kind: "exists" });
    await expect(run("file/below")).rejects.toMatchObject({ kind: "exists" });
  });

  it("when there is nothing to resume", async () => {
    await expect(run("nothing", { resume: true })).rejects.toThrow(/nothing: there is no study to resume\./);
  });

  it("when it is resumed with other options, named", async () => {
    await run("mine");
    await expect(run("mine", { resume: true, seed: 2 })).rejects.toThrow(
      /mine: the study was begun with another seed\. Expected 1\. Found 2\. .*--out\.$/,
    );
    await expect(run("mine", { resume: true, minutes: 2 })).rejects.toThrow(/begun with another minutes/);
    await expect(
      reproduce({ ...named, name: "dice" }, coins, { outDir: at("mine"), seed: 1, resume: true }),
    ).rejects.toThrow(/begun with another study\. Expected coin\. Found dice\./);
  });

  it("when a part's file is broken, named", async () => {
    await run("broken");
    await writeFile(join(at("broken"), "parts/toss-1.json"), '{"id": "toss-1", ');
    await expect(run("broken", { resume: true })).rejects.toThrow(
      /toss-1\.json: the file is not JSON\. .*remove it and resume/,
    );
  });
});

describe("judging a claim", () => {
  const values = [2, 4, 8];
  const claim = { id: "x", statement: "It is so", paper: "so", values } as const;

  it("averages ratios geometrically", () => {
    const judged = judge({ ...claim, unit: "times", holds: { above: 1 } }, rng(1));
    expect(judged.ours).toBeCloseTo(4);
    expect(judged.interval).toEqual([2, 8]);
    expect(judged.shown).toEqual({ paper: "so", ours: "4.0×", interval: "2.0 to 8.0" });
  });

  it("counts points in percent, with their sign", () => {
    const judged = judge(
      { ...claim, values: [-0.02, -0.01, -0.03], paper: 2.6, unit: "points", holds: { above: 0 } },
      rng(1),
    );
    expect(judged.ours).toBeCloseTo(-2);
    expect(judged.shown).toMatchObject({ paper: "+2.6 points", ours: "−2.0 points" });
    expect(judged.holds).toBe(false);
  });

  it("holds only when the whole interval is on the side that it names", () => {
    const held = (holds: { above: number } | { below: number }): boolean =>
      judge({ ...claim, unit: "share", holds }, rng(1)).holds;
    const [low, high] = judge({ ...claim, unit: "share", holds: { above: 0 } }, rng(1)).interval;
    expect([held({ above: low - 0.01 }), held({ above: low }), held({ above: 3 })]).toEqual([
      true,
      false,
      false,
    ]);
    expect([held({ below: high + 0.01 }), held({ below: high }), held({ below: 5 })]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
