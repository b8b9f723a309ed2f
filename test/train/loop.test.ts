import { describe, expect, it } from "vitest";
import { GyrusError } from "../../src/core/errors.js";
import { rng } from "../../src/core/rng.js";
import { floats, type Tensor } from "../../src/core/tensor.js";
import { l2 } from "../../src/loss/regression.js";
import { cpu } from "../../src/lower/cpu.js";
import { estimateBytes } from "../../src/lower/estimate.js";
import { lower } from "../../src/lower/lower.js";
import { dropout, linear } from "../../src/nn/layers.js";
import { batchNorm } from "../../src/nn/norms.js";
import { leakyRelu, log, mul } from "../../src/ops/elementwise.js";
import { mean } from "../../src/ops/norm.js";
import { adamW } from "../../src/optim/optimizers.js";
import { nodeCpu } from "../../src/runtime/node.js";
import {
  type HistoryRow,
  type LoopOptions,
  type LoopResult,
  type Progress,
  type State,
  train,
} from "../../src/train/loop.js";
import { buildStep } from "../../src/train/step.js";

/** Everything that could break a resumed run: dropout, running statistics, moments, an average of the weights. */
const step = buildStep({
  batch: { x: { dtype: "float32", shape: [8, 3] }, y: { dtype: "float32", shape: [8, 1] } },
  optimizer: adamW(),
  average: 0.9,
  objective: (scope, { x, y }) => {
    const hidden = batchNorm(scope.child("norm"), linear(scope.child("in"), x!, { channels: 6 }));
    const dropped = dropout(scope.child("drop"), leakyRelu(hidden), 0.25);
    return { loss: l2(linear(scope.child("out"), dropped, { channels: 1 }), y!) };
  },
});
const executable = await nodeCpu.compile(lower(step.program, await nodeCpu.target()), { threads: 1 });

const batches: LoopOptions["batches"] = async (at) => {
  const random = rng(3).split(at);
  const x = Float32Array.from({ length: 24 }, () => random.normal());
  const y = Array.from({ length: 8 }, (_, n) => x[3 * n]! - 2 * x[3 * n + 1]!);
  return { tensors: { x: floats([8, 3], x), y: floats([8, 1], y) }, cases: [`case ${at}`] };
};

interface Saved {
  readonly state: State;
  readonly progress: Progress;
  readonly best: boolean;
}

async function run(changes: Partial<LoopOptions> = {}) {
  const saved: Saved[] = [];
  const rows: HistoryRow[] = [];
  const result = await train({
    executable,
    step,
    state: step.initialize(rng(1)),
    totalSteps: 30,
    stepsPerEpoch: 10,
    seed: 1,
    batches,
    learningRate: (at) => 0.01 * (1 - at / 30),
    saveEvery: 7,
    save: async (state, progress, best) => void saved.push({ state, progress, best }),
    onRow: (row) => rows.push(row),
    ...changes,
  });
  return { result, saved, rows };
}

const bytesIn = (state: State): Record<string, number[]> =>
  Object.fromEntries(
    Object.entries(state).map(([name, { data }]) => [
      name,
      [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)],
    ]),
  );

describe("a run that is stopped and resumed", () => {
  it.each([1, 7, 18, 29])(
    "after %i of 30 steps ends with the bits of one that never stopped",
    async (stop) => {
      const whole = await run();
      const first = await run({ shouldStop: ({ step: done }) => done === stop });
      expect(first.result).toMatchObject({ stopped: "asked", progress: { step: stop } });
      const last = first.saved.at(-1)!;
      expect(last.progress.step).toBe(stop);
      // Through the same doors as a checkpoint: copies, and JSON.
      const second = await run({
        state: structuredClone(last.state) as Record<string, Tensor>,
        progress: JSON.parse(JSON.stringify(last.progress)) as Progress,
      });
      expect(second.result.stopped).toBe("done");
      expect(bytesIn(second.result.state)).toEqual(bytesIn(whole.result.state));
      expect(second.rows.map(({ trainLoss }) => trainLoss)).toEqual(
        whole.rows.slice(stop).map(({ trainLoss }) => trainLoss),
      );
    },
  );

  it("goes on from the last save when it was killed in between", async () => {
    const whole = await run();
    const killed = await run({
      batches: async (at) => {
        if (at === 17) throw new Error("killed");
        return batches(at);
      },
    }).catch((error: Error) => error.message);
    expect(killed).toBe("killed");
    const before = whole.saved.find(({ progress }) => progress.step === 14)!;
    const after = await run({ state: before.state, progress: before.progress });
    expect(bytesIn(after.result.state)).toEqual(bytesIn(whole.result.state));
  });

  it("depends on the seed, in its random numbers as well", async () => {
    const [a, b] = [await run(), await run({ seed: 2 })];
    expect(bytesIn(b.result.state)).not.toEqual(bytesIn(a.result.state));
  });
});

describe("what is not a number", () => {
  const poisoned: LoopOptions["batches"] = async (at) => {
    const batch = await batches(at);
    if (at !== 9) return batch;
    return {
      cases: ["sub-7", "sub-8"],
      tensors: { ...batch.tensors, y: floats([8, 1], Array(8).fill(Number.NaN)) },
    };
  };

  it("stops the run at once, names the cases, and keeps what was saved before", async () => {
    const saved: Saved[] = [];
    const error: unknown = await run({
      batches: poisoned,
      save: async (state, progress, best) => void saved.push({ state, progress, best }),
    }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GyrusError);
    expect(error).toMatchObject({ kind: "non-finite" });
    expect((error as Error).message).toMatch(
      /^case sub-7, sub-8: the loss is NaN at step 10\. Expected finite numbers\. Found numbers that are none in the y of the batch\. Look at these cases/,
    );
    expect(saved.map(({ progress }) => progress.step)).toEqual([7]);
    expect(Object.values(saved[0]!.state).every(({ data }) => data.every(Number.isFinite))).toBe(true);
  });

  it("is laid to the layer that was broken before the step, or that the step breaks first", async () => {
    const broken: Record<string, Tensor> = { ...step.initialize(rng(1)) };
    const name = Object.keys(broken).find((one) => /^parameter\/out.*weight/.test(one))!;
    const { shape, data } = broken[name]!;
    broken[name] = floats(
      shape,
      Float32Array.from(data as Float32Array, () => Number.NaN),
    );
    await expect(run({ state: broken })).rejects.toThrow(
      `at step 1. Expected finite numbers. Found ${name} was broken before this step`,
    );
    const huge: LoopOptions["batches"] = async (at) => {
      const batch = await batches(at);
      const y = floats([8, 1], Array(8).fill(3e38));
      return { ...batch, tensors: { ...batch.tensors, y } };
    };
    await expect(run({ batches: huge })).rejects.toThrow(
      /the loss is Infinity at step 1\..* Found a finite batch and finite weights before the step; the first that it breaks is parameter\//,
    );
  });

  it("is not saved when only the weights overflowed", async () => {
    // The loss log(w) is 0 at w = 1; a step of 1e39 takes w out of float32, the loss of that step is still finite.
    const wild = buildStep({
      batch: {},
      optimizer: {
        slots: [],
        update: (g) => ({ updates: new Map([...g].map(([p, v]) => [p, mul(v, 3e38)])), state: new Map() }),
      },
      objective: (scope) => ({
        loss: mul(mean(log(scope.parameter("w", [2], (shape) => new Float32Array(shape[0]!).fill(0.1)))), 2),
      }),
    });
    const open = await nodeCpu.compile(lower(wild.program, await nodeCpu.target()));
    let saves = 0;
    const finished = train({
      executable: open,
      step: wild,
      state: wild.initialize(rng(1)),
      totalSteps: 1,
      stepsPerEpoch: 1,
      seed: 1,
      batches: async () => ({ tensors: {}, cases: ["sub-1"] }),
      learningRate: () => 1,
      saveEvery: 1,
      save: async () => void saves++,
    });
    await expect(finished).rejects.toThrow(/^case sub-1: the parameter\/w is Infinity at step 1/);
    expect(saves).toBe(0);
    await open.dispose();
  });
});

describe("validation", () => {
  const scores = [0.2, 0.5, 0.4, 0.5, 0.45, 0.3];
  const withScores = (changes: Partial<LoopOptions> = {}) =>
    run({
      validateEvery: 5,
      saveEvery: 100,
      validate: async (_, at) => ({ score: scores[at / 5 - 1]!, loss: 1, metrics: { dice: at } }),
      ...changes,
    });

  it("keeps the best weights and the last ones, and both validated rows and plain ones", async () => {
    const { result, saved, rows } = await withScores();
    expect(result.progress).toMatchObject({ step: 30, bestScore: 0.5, bestStep: 10, scores });
    expect(saved.map(({ progress, best }) => [progress.step, best])).toEqual([
      [5, true],
      [10, true],
      [30, false],
    ]);
    expect(rows).toHaveLength(30);
    expect(rows.filter(({ validationLoss }) => validationLoss === 1).map((row) => row.step)).toEqual([
      5, 10, 15, 20, 25, 30,
    ]);
    expect(rows[9]).toMatchObject({ step: 10, epoch: 1, metrics: { dice: 10 } });
  });

  it("ends a run without progress early, and nothing follows when that is resumed", async () => {
    const { result, saved } = await withScores({ patience: 3 });
    expect(result).toMatchObject({ stopped: "early", progress: { step: 25, bestStep: 10 } });
    const last = saved.at(-1)!;
    expect(last.progress.step).toBe(25);
    const again = await withScores({ patience: 3, state: last.state, progress: last.progress });
    expect(again.result).toMatchObject({ stopped: "early", progress: { step: 25 } });
    expect([again.saved, again.rows]).toEqual([[], []]);
  });

  it("hands the learning rate what it needs for a plateau", async () => {
    const seen: number[] = [];
    await withScores({
      learningRate: (at, progress) => {
        if (at % 5 === 0) seen.push(progress.scores.length);
        return 0.01;
      },
    });
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe("training losses between validations", () => {
  const judged: Partial<LoopOptions> = {
    tracksLoss: true,
    validateEvery: 10,
    validate: async () => ({ score: 1, metrics: {} }),
  };

  it("are means of the steps since the last one, also when resumed in between", async () => {
    const whole = await run(judged);
    const losses = whole.rows.map(({ trainLoss }) => trainLoss!);
    const means = [0, 10, 20].map((from) => losses.slice(from, from + 10).reduce((a, b) => a + b, 0) / 10);
    whole.result.progress.losses!.forEach((loss, at) => {
      expect(loss).toBeCloseTo(means[at]!, 12);
    });
    const first = await run({ ...judged, shouldStop: ({ step: done }) => done === 14 });
    const { state, progress } = first.saved.at(-1)!;
    const second = await run({
      ...judged,
      state,
      progress: JSON.parse(JSON.stringify(progress)) as Progress,
    });
    expect(second.result.progress.losses).toEqual(whole.result.progress.losses);
  });

  it("are not kept where nobody asks for them", async () => {
    expect((await run()).result.progress).not.toHaveProperty("losses");
  });

  it("can tell that nothing is left to learn", async () => {
    const exhausted = ({ losses }: Progress): boolean => losses!.length === 2;
    expect((await run({ ...judged, exhausted })).result).toMatchObject({
      stopped: "early",
      progress: { step: 20 },
    });
  });
});

describe("smoothed scores", () => {
  it("keep a share of the one before, and decide about the best weights", async () => {
    const scores = [0.5, 1, 0.2];
    const { result, saved } = await run({
      smoothing: 0.9,
      validateEvery: 10,
      validate: async (_, done) => ({ score: scores[done / 10 - 1]!, metrics: {} }),
    });
    const found = result.progress.scores;
    [0.5, 0.55, 0.515].forEach((wanted, at) => {
      expect(found[at]).toBeCloseTo(wanted, 12);
    });
    expect(result.progress.bestStep).toBe(20);
    expect(saved.filter(({ best }) => best)).toHaveLength(2);
  });
});

describe("a finished run", () => {
  it("stays as it is when resumed", async () => {
    const { result } = await run({ totalSteps: 3 });
    const again: LoopResult = (await run({ totalSteps: 3, state: result.state, progress: result.progress }))
      .result;
    expect(again).toEqual({ state: result.state, progress: result.progress, stopped: "done" });
  });
});

describe("the estimate of memory", () => {
  it("grows with the batch, by at least what the activations take", () => {
    const estimate = (batch: number): number =>
      estimateBytes(
        lower(
          buildStep({
            batch: { x: { dtype: "float32", shape: [batch, 10] } },
            optimizer: adamW(),
            objective: (scope, { x }) => ({
              loss: mean(leakyRelu(linear(scope, x!, { channels: 200 }))),
            }),
          }).program,
          cpu,
        ),
      );
    // A thousand rows more: the input twice (here and in the engine), and at least two activations of 200 at once.
    const more = estimate(1010) - estimate(10);
    expect(more).toBeGreaterThan(0.8 * 1000 * (2 * 10 + 2 * 200) * 4);
    expect(more).toBeLessThan(1000 * (2 * 10 + 6 * 200) * 4);
  });
});
