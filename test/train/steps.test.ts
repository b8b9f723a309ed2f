import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { floats, scalar, type Tensor, tensor } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { l2 } from "../../src/loss/regression.js";
import { gradientPenalty, wassersteinDistance } from "../../src/loss/wasserstein.js";
import { denoisingCritic, denoisingGenerator } from "../../src/models/red-wgan.js";
import { dropout, linear } from "../../src/nn/layers.js";
import { batchNorm } from "../../src/nn/norms.js";
import type { Scope } from "../../src/nn/scope.js";
import { add, leakyRelu, mul, sub } from "../../src/ops/elementwise.js";
import { mean } from "../../src/ops/norm.js";
import { adam, sgd } from "../../src/optim/optimizers.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { compileStep, lowerStep } from "../../src/train/compile.js";
import { type HistoryRow, type LoopOptions, type Progress, type State, train } from "../../src/train/loop.js";
import { buildSteps, iterationBatch, type Steps, type StepsDefinition } from "../../src/train/steps.js";
import { expectClose, type PackedByName, readGolden, unpack } from "../golden/golden.js";

const open = async (steps: Steps) =>
  compileStep(nodeCpu, steps, lowerStep(steps, await nodeCpu.target()), { threads: 1 });

interface Golden {
  readonly widths: readonly number[];
  readonly criticWidths: readonly number[];
  readonly samples: number;
  readonly extents: readonly number[];
  readonly repeats: number;
  readonly rate: number;
  readonly start: PackedByName;
  readonly batches: readonly PackedByName[];
  readonly rows: readonly Readonly<Record<string, number>>[];
  readonly end: PackedByName;
}

describe("a critic and a generator in turn", () => {
  it("do what PyTorch does: losses, penalties, weights, running statistics", async () => {
    const golden = readGolden<Golden>("wgan");
    const { samples, extents } = golden;
    const image = { dtype: "float32", shape: [samples, 1, ...extents] } as const;
    const steps = buildSteps({
      networks: {
        generator: (scope: Scope, x: Value) => denoisingGenerator(scope, x, { widths: golden.widths }),
        critic: (scope: Scope, x: Value) =>
          denoisingCritic(scope, x, { widths: golden.criticWidths, head: "full" }),
      },
      batch: { clean: image, noisy: image, mix: { dtype: "float32", shape: [samples, 1, 1, 1, 1] } },
      steps: [
        {
          name: "critic",
          trains: ["critic"],
          repeats: golden.repeats,
          optimizer: adam({ beta1: 0.5, beta2: 0.9 }),
          objective: ({ generator, critic }, { clean, noisy, mix }) => {
            const fake = generator(noisy!);
            const distance = wassersteinDistance(critic(clean!), critic(fake));
            const { penalty, norm } = gradientPenalty(critic, clean!, fake, mix!);
            return { loss: sub(mul(penalty, 10), distance), metrics: { penalty, norm, distance } };
          },
        },
        {
          name: "generator",
          trains: ["generator"],
          rate: 0.5,
          optimizer: adam({ beta1: 0.5, beta2: 0.9 }),
          objective: ({ generator, critic }, { clean, noisy }) => {
            const found = generator(noisy!);
            return { loss: sub(l2(found, clean!), mul(mean(critic(found)), 0.1)) };
          },
        },
      ],
    });
    expect(iterationBatch(steps).clean!.shape).toEqual([samples * 3, 1, ...extents]);
    const executable = await open(steps);
    let state: Record<string, Tensor> = steps.initialize(rng(1));
    for (const [path, packed] of Object.entries(golden.start)) {
      expect(state[`parameter/${path}`]!.shape).toEqual(packed.shape);
      state[`parameter/${path}`] = unpack(packed);
    }
    for (const [n, batch] of golden.batches.entries()) {
      const fed = Object.entries(batch).map(([name, packed]) => [`batch/${name}`, unpack(packed)] as const);
      const found = await executable.run({
        ...state,
        ...Object.fromEntries(fed),
        learningRate: scalar(golden.rate),
        step: scalar(n + 1),
      });
      for (const [name, value] of Object.entries(golden.rows[n]!))
        expect(Number(found[`metric:${name}`]!.data[0]), `${name}, iteration ${n}`).toBeCloseTo(value, 4);
      expect(found["metric:loss"]!.data[0]).toBe(found["metric:generator loss"]!.data[0]);
      state = Object.fromEntries(steps.stateNames.map((name) => [name, found[`next:${name}`]!]));
    }
    // A bias before a norm has no gradient but rounding errors, which Adam makes steps of full size out of.
    const decided = ([name]: readonly [string, unknown]): boolean =>
      !/(en|de)coder\d\.(bias|.*Mean)$/.test(name);
    const ends = Object.entries(golden.end).filter(decided);
    expect(ends).toHaveLength(20);
    for (const [name, packed] of ends) expectClose(state[name]!, packed, 2e-4, name);
    await executable.dispose();
  });
});

/** All that could break a resumed run: dropout in both, statistics, moments, an average, a network that nobody trains. */
const networks = {
  maker: (scope: Scope, x: Value) => {
    const hidden = batchNorm(scope.child("norm"), linear(scope.child("in"), x, { channels: 5 }));
    const dropped = dropout(scope.child("drop"), leakyRelu(hidden), 0.25);
    return linear(scope.child("out"), dropped, { channels: 3 });
  },
  judge: (scope: Scope, x: Value) =>
    linear(scope.child("out"), dropout(scope.child("drop"), x, 0.25), { channels: 1 }),
  features: (scope: Scope, x: Value) => batchNorm(scope.child("norm"), linear(scope, x, { channels: 4 })),
};
const definition: StepsDefinition<typeof networks> = {
  networks,
  batch: { x: { dtype: "float32", shape: [4, 3] }, y: { dtype: "float32", shape: [4, 3] } },
  steps: [
    {
      name: "first",
      trains: ["judge"],
      repeats: 3,
      optimizer: adam(),
      objective: ({ maker, judge }, { x, y }, scope) => {
        const { penalty } = gradientPenalty(judge, y!, maker(x!), scope.random("mix", [4, 1]));
        return { loss: sub(penalty, wassersteinDistance(judge(y!), judge(maker(x!)))), metrics: { penalty } };
      },
    },
    {
      name: "second",
      trains: ["maker"],
      repeats: 2,
      optimizer: sgd({ momentum: 0.9 }),
      average: 0.9,
      objective: ({ maker, judge, features }, { x, y }) => {
        const made = maker(x!);
        const alike = l2(features(made), features(y!));
        return { loss: add(add(l2(made, y!), alike), mul(mean(judge(made)), -0.01)), metrics: { alike } };
      },
    },
  ],
};
const steps = buildSteps(definition);
const executable = await open(steps);
const batches: LoopOptions["batches"] = async (at) => {
  const random = rng(3).split(at);
  const draw = () =>
    floats(
      [20, 3],
      Float32Array.from({ length: 60 }, () => random.normal()),
    );
  return { tensors: { x: draw(), y: draw() }, cases: [`case ${at}`] };
};

interface Saved {
  readonly state: State;
  readonly progress: Progress;
}

async function run(changes: Partial<LoopOptions> = {}) {
  const saved: Saved[] = [];
  const rows: HistoryRow[] = [];
  const result = await train({
    executable,
    step: steps,
    state: steps.initialize(rng(1)),
    totalSteps: 12,
    stepsPerEpoch: 4,
    seed: 1,
    batches,
    learningRate: () => 0.01,
    saveEvery: 5,
    save: async (state, progress) => void saved.push({ state: structuredClone(state) as State, progress }),
    onRow: (row) => rows.push(row),
    ...changes,
  });
  return { result, saved, rows };
}

describe("an iteration of several steps in the loop", () => {
  it("gives the same bits from the same seed, and others from another", async () => {
    const [a, b, c] = [await run(), await run(), await run({ seed: 2 })];
    expect(b.result.state).toEqual(a.result.state);
    expect(c.result.state).not.toEqual(a.result.state);
    expect(Object.keys(a.rows[0]!.trainMetrics!).sort()).toEqual([
      "first loss",
      "first penalty",
      "second alike",
      "second loss",
    ]);
  });

  it.each([1, 6, 11])(
    "stopped after %i of 12 and resumed ends with the bits of one that was not",
    async (stop) => {
      const whole = await run();
      const first = await run({ shouldStop: ({ step }) => step === stop });
      const last = first.saved.at(-1)!;
      expect(last.progress.step).toBe(stop);
      const second = await run({
        state: last.state,
        progress: JSON.parse(JSON.stringify(last.progress)) as Progress,
      });
      expect(second.result.state).toEqual(whole.result.state);
      expect([...first.rows, ...second.rows].map(({ trainMetrics }) => trainMetrics)).toEqual(
        whole.rows.map(({ trainMetrics }) => trainMetrics),
      );
    },
  );

  it("killed in between goes on from the last save", async () => {
    const whole = await run();
    const until = run({
      batches: async (at) => {
        if (at === 8) throw new Error("killed");
        return batches(at);
      },
    });
    await expect(until).rejects.toThrow("killed");
    const { state, progress } = whole.saved.find((one) => one.progress.step === 5)!;
    expect((await run({ state, progress })).result.state).toEqual(whole.result.state);
  });

  it("in less memory computes the same bits, through the penalty's double backward too", async () => {
    const whole = await run({ totalSteps: 2 });
    const lean = buildSteps({ ...definition, memory: "lean" });
    const executableOfLean = await open(lean);
    const found = await run({ totalSteps: 2, step: lean, executable: executableOfLean });
    expect(found.result.state).toEqual(whole.result.state);
    await executableOfLean.dispose();
  });

  it("does not touch a state that somebody keeps", async () => {
    const kept: { readonly state: State; readonly copy: State }[] = [];
    await run({
      saveEvery: 3,
      save: async (state) => void kept.push({ state, copy: structuredClone(state) as State }),
    });
    expect(kept).toHaveLength(4);
    for (const { state, copy } of kept) expect(state).toEqual(copy);
  });

  it("changes what its steps train and nothing else", async () => {
    const before = steps.initialize(rng(1));
    const { result } = await run({ totalSteps: 1 });
    const changed = Object.keys(before).filter(
      (name) => !Buffer.from(before[name]!.data.buffer).equals(Buffer.from(result.state[name]!.data.buffer)),
    );
    expect(Object.keys(before).sort()).toEqual([...steps.stateNames].sort());
    expect(changed.some((name) => name.includes("features"))).toBe(false);
    expect(changed).toContain("statistic/maker.norm.runningMean");
    expect(changed).toContain("average/maker.in.weight");
    expect(steps.stateNames).toContain("slot/first/adam/sum/judge.out.weight");
    expect(steps.stateNames.filter((name) => /^slot\/first.*maker|^slot\/second.*judge/.test(name))).toEqual(
      [],
    );
  });

  it("counts the steps of each optimiser, and feeds each repeat a sub-batch of its own", async () => {
    const counting = buildSteps({
      networks: {
        one: (scope: Scope, x: Value) =>
          add(
            scope.parameter("w", [1], () => new Float32Array(1)),
            x,
          ),
      },
      batch: { x: { dtype: "float32", shape: [1, 1] } },
      steps: [
        {
          name: "only",
          trains: ["one"],
          repeats: 3,
          // The parameter becomes 10 times itself plus the number of the step.
          optimizer: {
            slots: [],
            update: (given, _, { parameters, step }) => ({
              updates: new Map([...given.keys()].map((p) => [p, add(mul(parameters.get(p)!, 9), step)])),
              state: new Map(),
            }),
          },
          objective: ({ one }, { x }) => ({ loss: mean(one(x!)) }),
        },
      ],
    });
    const part = await open(counting);
    const fed = { "batch/x": floats([3, 1], [5, 6, 7]), learningRate: scalar(1), step: scalar(2) };
    const found = await part.run({ "parameter/one.w": floats([1], [0]), ...fed });
    expect([...found["next:parameter/one.w"]!.data]).toEqual([456]);
    // Losses 5 + 0, 6 + 4, 7 + 45.
    expect(found["metric:loss"]!.data[0]).toBeCloseTo((5 + 10 + 52) / 3, 4);
    await expect(
      part.run({ "parameter/one.w": floats([1], [0]), ...fed, "batch/x": floats([1, 1], [5]) }),
    ).rejects.toThrow(/batch\/x.*float32\[3, 1\]/);
    await part.dispose();
  });
});

describe("a definition that does not fit together", () => {
  const [first, second] = definition.steps;
  it.each([
    ["there is no step", { steps: [] }],
    ["steps need names of their own", { steps: [first!, { ...second!, name: "first" }] }],
    ["every step trains one or several", { steps: [{ ...first!, trains: [] }] }],
    ["repeats are whole numbers", { steps: [{ ...first!, repeats: 0 }] }],
    ["first axis that counts samples", { batch: { x: { dtype: "float32", shape: [] } } as const }],
  ])("is refused: %s", (message, change) => {
    expect(() => buildSteps({ ...definition, ...change })).toThrow(message);
  });

  it("a network fed other extents in another step is refused", () => {
    const two = { dtype: "float32", shape: [4, 2] } as const;
    const step = (name: string, of: string) => ({
      name,
      trains: ["judge" as const],
      optimizer: sgd(),
      objective: ({ judge }: { judge: (x: Value) => Value }, batch: Readonly<Record<string, Value>>) => ({
        loss: mean(judge(batch[of]!)),
      }),
    });
    expect(() =>
      buildSteps({
        networks: { judge: networks.judge },
        batch: { x: definition.batch.x!, y: two },
        steps: [step("a", "x"), step("b", "y")],
      }),
    ).toThrow(/another shape in another step/);
  });
});

it("a key of an iteration gives other numbers to every repeat", async () => {
  const drawing = buildSteps({
    networks: {
      one: (scope: Scope, x: Value) =>
        mul(
          scope.parameter("w", [1], () => new Float32Array(1)),
          x,
        ),
    },
    batch: { x: { dtype: "float32", shape: [1, 1] } },
    steps: [
      {
        name: "only",
        trains: ["one"],
        repeats: 2,
        // Whatever is drawn is kept: the parameter becomes 2 times itself plus the number.
        optimizer: {
          slots: [],
          update: (given, _, { parameters }) => ({
            updates: new Map([...given].map(([p, g]) => [p, add(parameters.get(p)!, g)])),
            state: new Map(),
          }),
        },
        objective: ({ one }, { x }, scope) => ({
          loss: mean(mul(one(x!), scope.random("number", [1, 1]))),
        }),
      },
    ],
  });
  const part = await open(drawing);
  const after = async (key: readonly number[]): Promise<number> => {
    const found = await part.run({
      "parameter/one.w": floats([1], [0]),
      "batch/x": floats([2, 1], [1, 1]),
      "random/key": tensor("int32", [2], Int32Array.from(key)),
      learningRate: scalar(1),
      step: scalar(1),
    });
    return Number(found["next:parameter/one.w"]!.data[0]);
  };
  const [a, b, again] = [await after([1, 2]), await after([1, 3]), await after([1, 2])];
  expect(again).toBe(a);
  expect(b).not.toBe(a);
  await part.dispose();
});
