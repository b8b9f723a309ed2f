import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autodiff/gradients.js";
import { GyrusError } from "../../src/core/errors.js";
import { rng } from "../../src/core/rng.js";
import { type Shape, scalar, type Tensor, tensor, zerosTensor } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { crossEntropy, softDice } from "../../src/loss/segmentation.js";
import { lower } from "../../src/lower/lower.js";
import { type UNetOptions, unet, unetHeads, unetMargin } from "../../src/models/unet.js";
import { initialState, parameterCount, type Traced, trace } from "../../src/nn/scope.js";
import { add, mul } from "../../src/ops/elementwise.js";
import { input } from "../../src/ops/leaf.js";
import { sum } from "../../src/ops/reduce.js";
import { adamW } from "../../src/optim/optimizers.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { configs } from "../../src/systems/segment-unet.js";
import { buildStep } from "../../src/train/step.js";
import {
  evaluate,
  expectClose,
  type Packed,
  type PackedByName,
  readGolden,
  unpack,
} from "../golden/golden.js";

interface Network {
  readonly widths: readonly number[];
  readonly start: PackedByName;
  readonly x: Packed;
  readonly gradients: PackedByName;
}

interface Golden {
  readonly padded: Network & {
    readonly labels: Packed;
    readonly logits: Packed;
    readonly losses: readonly number[];
  };
  readonly valid: Network & { readonly g: Packed; readonly y: Packed };
}

const golden = readGolden<Golden>("unet");
const parameters = ({ start }: Network): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(start).map(([path, value]) => [`parameter/${path}`, unpack(value)]));

function traced(config: keyof typeof configs, channels: number, classes: number, spatial: Shape) {
  const { network, dimensions } = configs[config];
  const options: UNetOptions = { ...network, classes, dimensions };
  return trace(true, (scope) => unet(scope, input("x", [1, channels, ...spatial]), options));
}

const shapesOf = ({ parameters }: Traced<Value>): Record<string, Shape> =>
  Object.fromEntries([...parameters].map(([path, { value }]) => [path, value.shape]));

describe("the network of the paper", () => {
  const paper = traced("paper", 1, 2, [572, 572]);

  it("has 31,030,658 parameters: 23 convolutions, each counted by hand", () => {
    const conv3 = (into: number, out: number): number => into * out * 9 + out;
    const up2 = (into: number, out: number): number => into * out * 4 + out;
    const contracting = [
      conv3(1, 64) + conv3(64, 64),
      conv3(64, 128) + conv3(128, 128),
      conv3(128, 256) + conv3(256, 256),
      conv3(256, 512) + conv3(512, 512),
      conv3(512, 1024) + conv3(1024, 1024),
    ];
    const expanding = [
      up2(1024, 512) + conv3(1024, 512) + conv3(512, 512),
      up2(512, 256) + conv3(512, 256) + conv3(256, 256),
      up2(256, 128) + conv3(256, 128) + conv3(128, 128),
      up2(128, 64) + conv3(128, 64) + conv3(64, 64),
    ];
    const head = 64 * 2 + 2;
    const total = [...contracting, ...expanding, head].reduce((a, b) => a + b, 0);
    expect(total).toBe(31_030_658);
    expect(parameterCount(paper)).toBe(total);
    const weights = [...paper.parameters.keys()].filter((path) => path.endsWith(".weight"));
    expect(weights).toHaveLength(23);
  });

  it("takes 572 pixels to 388, 92 lost on each side", () => {
    expect(paper.result.shape).toEqual([1, 2, 388, 388]);
    expect(unetMargin({ ...configs.paper.network, classes: 2, dimensions: 2 })).toBe(92);
    expect((572 - 388) / 2).toBe(92);
  });

  it("drops out at the end of the contracting path, where the paper does", () => {
    expect([...paper.randoms.keys()]).toEqual(["dropout3.mask", "dropout4.mask"]);
    expect([...paper.statistics.keys()]).toEqual([]);
  });
});

describe("the other presets", () => {
  const block = (into: number, out: number, taps: number): number =>
    into * out * taps + out * out * taps + 4 * out; // two convolutions without bias, two scales, two shifts
  const total = (
    widths: readonly number[],
    channels: number,
    classes: number,
    dimensions: number,
  ): number => {
    const down = widths.map((w, at) => block(at === 0 ? channels : widths[at - 1]!, w, 3 ** dimensions));
    const up = widths.slice(0, -1).map((w, at) => {
      const below = widths[at + 1]!;
      return below * w * 2 ** dimensions + w + block(2 * w, w, 3 ** dimensions);
    });
    return [...down, ...up].reduce((a, b) => a + b, 0) + widths[0]! * classes + classes;
  };

  it.each([
    ["small", 1, 3, [16, 16, 16], 1_401_299],
    ["tiny", 1, 3, [16, 16, 16], 85_195],
    ["small-2d", 1, 2, [64, 64], 1_942_306],
  ] as const)(
    "%s has as many parameters as its layers add up to",
    (name, channels, classes, spatial, known) => {
      const { widths } = configs[name].network;
      const network = traced(name, channels, classes, spatial);
      expect(parameterCount(network)).toBe(total(widths, channels, classes, configs[name].dimensions));
      expect(parameterCount(network)).toBe(known);
      expect(network.result.shape).toEqual([1, classes, ...spatial]);
    },
  );

  it("names parameters by place, so that a checkpoint survives refactoring", () => {
    const shapes = shapesOf(traced("tiny", 2, 4, [8, 8, 8]));
    expect(shapes["encoder0.conv0.weight"]).toEqual([8, 2, 3, 3, 3]);
    expect(shapes["encoder2.conv1.norm.scale"]).toEqual([32]);
    expect(shapes["up0.weight"]).toEqual([16, 8, 2, 2, 2]);
    expect(shapes["decoder0.conv0.weight"]).toEqual([8, 16, 3, 3, 3]);
    expect(shapes["head.bias"]).toEqual([4]);
  });
});

describe("strides and kernels of each level, and heads at several resolutions", () => {
  const anisotropic: UNetOptions = {
    widths: [4, 8, 16],
    strides: [
      [1, 1, 1],
      [1, 2, 2],
      [2, 2, 2],
    ],
    kernels: [
      [1, 3, 3],
      [3, 3, 3],
      [3, 3, 3],
    ],
    classes: 3,
    dimensions: 3,
  };
  const heads = (options: UNetOptions, count: number, spatial: Shape) =>
    trace(true, (scope) => unetHeads(scope, input("x", [1, 1, ...spatial]), options, count));

  it("follow the strides", () => {
    const { result, parameters } = heads(anisotropic, 2, [6, 8, 12]);
    expect(result.map(({ shape }) => shape)).toEqual([
      [1, 3, 6, 8, 12],
      [1, 3, 6, 4, 6],
    ]);
    expect(parameters.get("encoder0.conv0.weight")!.value.shape).toEqual([4, 1, 1, 3, 3]);
    expect(parameters.get("up0.weight")!.value.shape).toEqual([8, 4, 1, 2, 2]);
    expect(parameters.get("head1.weight")!.value.shape).toEqual([3, 8, 1, 1, 1]);
  });

  it("are the U-Net's own where they say what is usual", () => {
    const plain: UNetOptions = { widths: [4, 8], classes: 2, dimensions: 2 };
    const spelled: UNetOptions = {
      ...plain,
      strides: [
        [1, 1],
        [2, 2],
      ],
      kernels: [
        [3, 3],
        [3, 3],
      ],
    };
    const shapes = (options: UNetOptions) =>
      shapesOf(trace(true, (scope) => unet(scope, input("x", [1, 1, 8, 8]), options)));
    expect(shapes(spelled)).toEqual(shapes(plain));
  });

  it("compute the same full-resolution logits however many heads there are", async () => {
    const random = rng("heads");
    const x = tensor(
      "float32",
      [1, 1, 4, 8, 8],
      Float32Array.from({ length: 256 }, () => random.normal()),
    );
    const many = heads(anisotropic, 2, [4, 8, 8]);
    const state = initialState(many, rng("weights"));
    const one = trace(true, (scope) => unet(scope, input("x", [1, 1, 4, 8, 8]), anisotropic));
    const { a, b, c } = await evaluate({ a: many.result[0]!, b: many.result[1]! }, { x, ...state }).then(
      async ({ a, b }) => ({ a, b, c: (await evaluate({ c: one.result }, { x, ...state })).c }),
    );
    expect(a!.data).toEqual(c!.data);
    expect(b!.shape).toEqual([1, 3, 4, 4, 4]);
  });

  it("refuse what does not belong together", () => {
    expect(() => heads(anisotropic, 3, [4, 8, 8])).toThrow("Expected 1 to 2 heads. Found 3.");
    expect(() => heads({ ...anisotropic, kernels: [[3, 3, 3]] }, 1, [4, 8, 8])).toThrow(
      "needs kernels for every level. Expected 3 lists",
    );
    expect(() => heads(anisotropic, 1, [5, 8, 8])).toThrow("Expected extents that are multiples of 2x4x4.");
    expect(() => heads({ ...anisotropic, padding: "valid" }, 1, [4, 8, 8])).toThrow(/valid convolutions are/);
  });
});

describe("inputs that do not fit", () => {
  it.each([
    ["tiny", [1, 1, 8, 8], "Expected [N, C, 3 spatial axes]. Found [1, 1, 8, 8]."],
    ["tiny", [1, 1, 8, 8, 10], "Expected extents that are multiples of 4. Found [1, 1, 8, 8, 10]."],
    [
      "paper",
      [1, 1, 570, 572],
      "Expected extents that stay even before every pooling and above what the convolutions take, e.g. 572. Found [1, 1, 570, 572].",
    ],
    [
      "paper",
      [1, 1, 92, 92],
      "Expected extents that stay even before every pooling and above what the convolutions take, e.g. 572. Found [1, 1, 92, 92].",
    ],
  ] as const)("%s refuses %j", (name, shape, words) => {
    const { network, dimensions } = configs[name];
    const build = () =>
      trace(true, (scope) => unet(scope, input("x", shape), { ...network, classes: 2, dimensions }));
    expect(build).toThrow(GyrusError);
    expect(build).toThrow(`the U-Net cannot take this input. ${words}`);
  });
});

describe("U-Nets with the weights of PyTorch", () => {
  const { padded, valid } = golden;

  it("valid, 2-D, max pooling: the same output and the same gradients", async () => {
    const options: UNetOptions = {
      widths: valid.widths,
      classes: 2,
      dimensions: 2,
      norm: "none",
      slope: 0,
      padding: "valid",
      down: "maxPool",
    };
    const network = trace(true, (scope) => unet(scope, input("x", valid.x.shape), options));
    const paths = [...network.parameters.keys()];
    expect(paths.sort()).toEqual(Object.keys(valid.start).sort());
    const found = gradients(
      sum(mul(network.result, input("g", valid.g.shape))),
      paths.map((path) => network.parameters.get(path)!.value),
    );
    const outputs = Object.fromEntries(paths.map((path, at) => [path, found[at]!]));
    const results = await evaluate(
      { y: network.result, ...outputs },
      { x: unpack(valid.x), g: unpack(valid.g), ...parameters(valid) },
    );
    expectClose(results.y!, valid.y, 1e-5, "output");
    for (const path of paths) expectClose(results[path]!, valid.gradients[path]!, 2e-5, path);
  });

  it("padded, 3-D: the same output, the same gradients, the same ten steps of training", async () => {
    const options: UNetOptions = { widths: padded.widths, classes: 3, dimensions: 3 };
    const step = buildStep({
      batch: {
        image: { dtype: "float32", shape: padded.x.shape },
        label: { dtype: "uint8", shape: padded.labels.shape },
      },
      optimizer: adamW(),
      objective: (scope, { image, label }) => {
        const logits = unet(scope, image!, options);
        return { loss: add(crossEntropy(logits, label!), softDice(logits, label!)) };
      },
    });
    const feeds = {
      "batch/image": unpack(padded.x),
      "batch/label": tensor("uint8", padded.labels.shape, Uint8Array.from(padded.labels.data)),
    };
    let state: Record<string, Tensor> = { ...parameters(padded) };
    for (const name of step.stateNames)
      if (name.startsWith("slot/"))
        state[name] = zerosTensor("float32", padded.start[name.split("/").at(-1)!]!.shape);

    const paths = [...step.traced.parameters.keys()];
    const found = gradients(
      step.traced.result.loss,
      paths.map((path) => step.traced.parameters.get(path)!.value),
    );
    const first = await evaluate(Object.fromEntries(paths.map((path, at) => [path, found[at]!])), {
      ...feeds,
      ...state,
    });
    for (const path of paths) expectClose(first[path]!, padded.gradients[path]!, 2e-5, path);

    const executable = await nodeCpu.compile(lower(step.program, await nodeCpu.target()), { threads: 1 });
    const losses: number[] = [];
    for (const at of padded.losses.keys()) {
      const outputs = await executable.run({
        ...feeds,
        ...state,
        learningRate: scalar(1e-2),
        step: scalar(at + 1),
      });
      losses.push(Number(outputs["metric:loss"]!.data[0]));
      state = Object.fromEntries(step.stateNames.map((name) => [name, outputs[`next:${name}`]!]));
    }
    await executable.dispose();
    losses.forEach((loss, at) => {
      expect(Math.abs(loss - padded.losses[at]!), `step ${at + 1}`).toBeLessThan(1e-4);
    });
    // Ten steps that change nothing would agree as well.
    expect(losses.at(-1)!).toBeLessThan(0.9 * losses[0]!);

    const network = trace(false, (scope) => unet(scope, input("x", padded.x.shape), options));
    const { y } = await evaluate({ y: network.result }, { x: unpack(padded.x), ...parameters(padded) });
    expectClose(y!, padded.logits, 2e-5, "logits");
  });
});
