import { describe, expect, it } from "vitest";
import { floats, scalar, type Tensor } from "../../src/core/tensor.js";
import { lower } from "../../src/lower/lower.js";
import { zeros } from "../../src/nn/initialize.js";
import { add, mul } from "../../src/ops/elementwise.js";
import { sum } from "../../src/ops/reduce.js";
import { adam, adamW, sgd } from "../../src/optim/optimizers.js";
import type { Transform } from "../../src/optim/transform.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { buildStep, type Step, weightsOf } from "../../src/train/step.js";
import { expectClose, type PackedByName, readGolden, unpack } from "../golden/golden.js";

interface Golden {
  readonly start: PackedByName;
  readonly targets: readonly PackedByName[];
  readonly rates: readonly number[];
  readonly cases: readonly {
    readonly name: string;
    readonly optimizer: "sgd" | "adam" | "adamW";
    readonly options: Readonly<Record<string, number | boolean>>;
    readonly after: readonly PackedByName[];
    readonly norms: readonly number[];
  }[];
}

const golden = readGolden<Golden>("optimizers");
const makers: Readonly<Record<string, (options: Readonly<Record<string, number | boolean>>) => Transform>> = {
  sgd,
  adam,
  adamW,
};

/** Σ target p + ½ Σ p² over a weight, which is decayed, and a bias, which is not. */
function stepWith(optimizer: Transform, average?: number): Step {
  const shapes = Object.entries(golden.start).map(([name, { shape }]) => [name, shape] as const);
  return buildStep({
    batch: Object.fromEntries(shapes.map(([name, shape]) => [name, { dtype: "float32", shape }])),
    optimizer,
    ...(average === undefined ? {} : { average }),
    objective: (scope, batch) => {
      const terms = shapes.map(([name, shape]) => {
        const p = scope.parameter(name, shape, zeros, { decay: name === "weight" });
        return add(sum(mul(p, batch[name]!)), mul(sum(mul(p, p)), 0.5));
      });
      return { loss: terms.reduce(add) };
    },
  });
}

async function fiveSteps(step: Step): Promise<Record<string, Tensor>[]> {
  const executable = await nodeCpu.compile(lower(step.program, await nodeCpu.target()), { threads: 1 });
  let state: Record<string, Tensor> = Object.fromEntries(
    step.stateNames.map((name) => {
      const packed = golden.start[name.split("/").at(-1)!]!;
      return [
        name,
        name.startsWith("slot/")
          ? floats(
              packed.shape,
              packed.data.map(() => 0),
            )
          : unpack(packed),
      ];
    }),
  );
  const history: Record<string, Tensor>[] = [];
  for (const [at, targets] of golden.targets.entries()) {
    const outputs = await executable.run({
      ...state,
      ...Object.fromEntries(Object.entries(targets).map(([name, value]) => [`batch/${name}`, unpack(value)])),
      learningRate: scalar(golden.rates[at]!),
      step: scalar(at + 1),
    });
    state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]!]));
    history.push({ ...outputs, ...state });
  }
  await executable.dispose();
  return history;
}

describe("five steps agree with torch.optim", () => {
  it.each(golden.cases.map((one) => [`${one.optimizer}: ${one.name}`, one] as const))(
    "%s",
    async (_, one) => {
      const history = await fiveSteps(stepWith(makers[one.optimizer]!(one.options)));
      one.after.forEach((wanted, at) => {
        for (const [name, value] of Object.entries(wanted))
          expectClose(history[at]![`parameter/${name}`]!, value, 5e-6, `${name} after step ${at + 1}`);
      });
      one.norms.forEach((norm, at) => {
        expect(Number(history[at]!["metric:gradientNorm"]!.data[0])).toBeCloseTo(norm, 4);
      });
      // Clipping is only tested if it bit.
      if (one.norms.length > 0) expect(Math.max(...one.norms)).toBeGreaterThan(Number(one.options.clip));
    },
  );
});

describe("the moving average of the weights", () => {
  it("follows by 1 - min(rate, (1 + t) / (10 + t)), and predictions use it", async () => {
    const history = await fiveSteps(stepWith(sgd(), 0.3));
    let wanted = Float64Array.from(golden.start.weight!.data);
    history.forEach((state, at) => {
      const follow = 1 - Math.min(0.3, (2 + at) / (11 + at));
      const now = state["parameter/weight"]!.data as Float32Array;
      wanted = wanted.map((old, i) => old + follow * (now[i]! - old));
      expectClose(state["average/weight"]!, { shape: [3, 2], data: [...wanted] }, 1e-6);
    });
    const state = history.at(-1)!;
    expect(weightsOf(state)["parameter/weight"]).toBe(state["average/weight"]);
    expect(weightsOf(state, false)["parameter/weight"]).toBe(state["parameter/weight"]);
  });
});
