import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import type { Program } from "../../src/graph/program.js";
import { parameterCount, type Traced } from "../../src/nn/scope.js";
import { built } from "../cli/bin.js";

// The benchmarks are plain JavaScript over the compiled library, as users run them: imported by address, typed here.
interface Workload {
  readonly image: readonly number[];
  readonly parameters: number;
}
interface Networks {
  readonly workloads: Readonly<Record<string, Workload>>;
  buildTraining(workload: Workload): { readonly traced: Traced<unknown>; readonly program: Program };
  buildInference(workload: Workload): { readonly traced: Traced<unknown>; readonly program: Program };
  predicts(workload: Workload): boolean;
}
interface Row {
  readonly workload: string;
  readonly kind: string;
  readonly peer: string;
  readonly ours: number;
  readonly theirs: number | null;
  readonly ratio: number | null;
  readonly memoryRatio: number | null;
}
interface Measure {
  largestDifference(kind: "train" | "infer", a: ArrayLike<number>, b: ArrayLike<number>): number;
}
interface Table {
  table(rows: readonly object[], workloads: Networks["workloads"]): string;
}

const bench = (name: string): string => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));

function run(...words: string[]) {
  return spawnSync(process.execPath, [bench("run.mjs"), ...words], { encoding: "utf8" });
}

let networks: Networks;
beforeAll(async () => {
  await built();
  networks = (await import(bench("networks.mjs"))) as Networks;
});

describe("the workloads", () => {
  it("are six, of which five predict", () => {
    const { workloads, predicts } = networks;
    expect(Object.keys(workloads)).toEqual(["a", "b", "c", "d", "e", "f"]);
    expect(Object.keys(workloads).filter((id) => predicts(workloads[id]!))).toEqual([..."abcde"]);
  });

  it.each([..."abcdef"])("%s has the parameters that the other engines must have too", (id) => {
    const workload = networks.workloads[id]!;
    const step = networks.buildTraining(workload);
    expect(parameterCount(step.traced)).toBe(workload.parameters);
    expect(step.program.outputs["metric:loss"]?.shape).toEqual([]);
    const { traced, program } = networks.buildInference(workload);
    expect(parameterCount(traced)).toBe(workload.parameters);
    expect(program.inputs.image?.shape).toEqual(workload.image);
    expect(program.outputs.output?.shape[0]).toBe(workload.image[0]);
  });
});

describe("agreement of two engines", () => {
  it("is relative to each loss, and to the largest value of a prediction", async () => {
    const { largestDifference } = (await import(bench("measure.mjs"))) as Measure;
    expect(largestDifference("train", [2, 0.1], [2, 0.11])).toBeCloseTo(0.1, 12);
    expect(largestDifference("infer", [2, 0.1], [2, 0.11])).toBeCloseTo(0.005, 12);
    expect(largestDifference("train", [1, 1], [1, Number.NaN])).toBe(Number.POSITIVE_INFINITY);
    expect(largestDifference("train", [1, 1], [1])).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("npm run bench", () => {
  it("prints rows as JSON and nothing else, each with a peer or the reason why it is missing", () => {
    const { stdout, stderr, status } = run(
      ..."--json --quick --only e --kind infer --rounds 1 --peers pytorch".split(" "),
    );
    expect(status, stderr).toBe(0);
    const result = JSON.parse(stdout) as { rows: Row[] };
    expect(Object.keys(result)).toEqual(["rows"]);
    expect(result.rows).toHaveLength(1);
    const row = result.rows[0]!;
    expect(row).toMatchObject({ workload: "e", kind: "infer", peer: expect.stringMatching(/^PyTorch/) });
    expect(row.ours).toBeGreaterThan(0);
    if (row.theirs === null)
      expect(row).toMatchObject({
        ratio: null,
        memoryRatio: null,
        note: expect.stringContaining("not found"),
      });
    else {
      expect(row.ratio).toBeCloseTo(row.theirs / row.ours, 9);
      expect(row.memoryRatio).toBeGreaterThan(0);
    }
  });

  it.each([
    [["--only", "g"], "--only g: choose from a, b, c, d, e, f"],
    [["--device", "abacus"], "--device abacus: choose from cpu, webgpu, cuda"],
    [["--rounds", "0"], "--rounds 0: a whole number of at least 1"],
  ])("refuses %j", (words, reason) => {
    const { status, stderr } = run(...words);
    expect(status).toBe(2);
    expect(stderr).toContain(reason);
  });

  it("shows an engine that failed, one that was too slow and geometric means of the others", async () => {
    const { table } = (await import(bench("table.mjs"))) as Table;
    const common = { workload: "b", kind: "train", ours: 0.5, peakBytes: [2e8, 1e8], sessionSeconds: 0.2 };
    const nothing = { theirs: null, ratio: null, memoryRatio: null, lossDifference: null };
    const text = table(
      [
        { ...common, peer: "P", theirs: 1, ratio: 2, memoryRatio: 2, lossDifference: 1e-5 },
        { ...common, peer: "P", workload: "a", theirs: 4, ratio: 8, memoryRatio: 0.5, lossDifference: 1e-5 },
        { ...common, ...nothing, peer: "Q", peakBytes: [2e8, null], ratioAtLeast: 120, note: "slow" },
        { workload: "c", kind: "train", peer: null, ours: null, ...nothing, error: "ours: out of memory" },
      ],
      networks.workloads,
    );
    expect(text).toContain("geometric mean of 2, P, train: 4.00 times their speed, 1.00 times their memory");
    expect(text).toMatch(/b train +Q .* > 120 .*slow/);
    expect(text).toMatch(/c train +ours: out of memory/);
  });
});
