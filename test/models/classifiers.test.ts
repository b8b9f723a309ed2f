import { describe, expect, it } from "vitest";
import { floats, type Shape, sizeOf, type Tensor } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { convAutoencoder } from "../../src/models/conv-autoencoder.js";
import { conv4Fc3, conv5Fc3, convFc } from "../../src/models/conv-fc.js";
import { networkOfDepth, resNet, resNet18 } from "../../src/models/resnet.js";
import { voxCnn, voxCnnOfPaper } from "../../src/models/vox-cnn.js";
import { voxResNet, voxResNetOfPaper } from "../../src/models/vox-resnet.js";
import { parameterCount, type Scope, type Traced, trace } from "../../src/nn/scope.js";
import { input } from "../../src/ops/leaf.js";
import { configs as adcnn } from "../../src/systems/adcnn.js";
import { configs as voxcnn } from "../../src/systems/voxcnn.js";
import type { ClassificationConfig } from "../../src/tasks/classification/config.js";
import { classifier } from "../../src/tasks/classification/model.js";
import { viewsOf } from "../../src/tasks/classification/positions.js";
import { preparedGrid } from "../../src/tasks/classification/prepare.js";
import { identityAffine } from "../../src/volume/affine.js";
import { evaluate, expectClose, type Packed, readGolden } from "../golden/golden.js";

const golden = readGolden<{
  readonly parameters: Readonly<Record<string, number>>;
  readonly logits: Readonly<Record<string, Packed>>;
}>("classifiers");

type Build = (scope: Scope, x: Value) => Value;

const tracedOn = (shape: Shape, build: Build, training = false): Traced<Value> =>
  trace(training, (scope) => build(scope, input("x", shape)));

/** The image that scripts/golden/classifiers.py makes. */
function image(shape: Shape): Tensor {
  return floats(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => 0.5 + 0.5 * Math.sin(0.011 * i * i + i)),
  );
}

/** The weights that scripts/golden/classifiers.py makes, in the order of declaration. */
function weights({ parameters, statistics }: Traced<Value>): Record<string, Tensor> {
  const made: Record<string, Tensor> = {};
  [...parameters].forEach(([path, { value }], n) => {
    const { shape } = value;
    const wave = Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(0.37 * i + n));
    const scale = Math.sqrt(3 / sizeOf(shape.slice(1)));
    made[`parameter/${path}`] = floats(
      shape,
      wave.map((w) => (shape.length > 1 ? w * scale : 0.2 * w + (path.endsWith(".scale") ? 1 : 0))),
    );
  });
  for (const [path, { value }] of statistics) {
    const all = new Array<number>(sizeOf(value.shape)).fill(path.endsWith("Variance") ? 1 : 0);
    made[`statistic/${path}`] = floats(value.shape, all);
  }
  return made;
}

describe("networks with PyTorch's weights say what PyTorch's say", () => {
  const norms = { momentum: 0.1 };
  const none = { dropout: 0, classes: 2 };
  const conv = (widths: number[], padding: "same" | "valid"): Build => {
    return (scope, x) => convFc(scope, x, { widths, padding, hidden: [6], ...none });
  };
  const residual = (shortcuts: boolean): Build => {
    const stages = [4, 5].map((channels) => ({ channels, blocks: 1 }));
    return (scope, x) =>
      voxResNet(scope, x, { stem: [3], stages, pool: 2, hidden: 4, classes: 2, shortcuts, ...norms });
  };
  const deep = (kind: "plain" | "residual"): Build => {
    return (scope, x) => resNet(scope, x, { ...networkOfDepth(14, kind, 3), widths: [3, 4, 5] });
  };
  const blocks = [
    { convs: 1, channels: 3 },
    { convs: 2, channels: 4 },
  ];
  const cases: Readonly<Record<string, readonly [Shape, Build]>> = {
    "vox-cnn": [
      [2, 1, 19, 20, 23],
      (scope, x) => voxCnn(scope, x, { blocks, padding: "valid", hidden: [6, 5], ...none }),
    ],
    "vox-resnet": [[2, 1, 9, 12, 16], residual(true)],
    plain: [[2, 1, 9, 12, 16], residual(false)],
    "conv-fc": [[2, 1, 3, 11, 16], conv([3, 4, 5], "same")],
    "conv-fc-valid": [[2, 1, 10, 13, 14], conv([3, 4], "valid")],
    autoencoder: [
      [1, 1, 3, 7, 6],
      (scope, x) => convAutoencoder(scope, x, { widths: [3, 4], padding: "same" }),
    ],
    "autoencoder-valid": [
      [1, 1, 10, 11, 12],
      (scope, x) => convAutoencoder(scope, x, { widths: [3, 4], padding: "valid" }),
    ],
    "resnet-18": [
      [2, 2, 19, 22],
      (scope, x) => resNet(scope, x, { ...resNet18, widths: [3, 4], blocks: [1, 2], classes: 3 }),
    ],
    "residual-14": [[2, 1, 9, 8], deep("residual")],
    "plain-14": [[2, 1, 9, 8], deep("plain")],
  };

  it("in as many networks as there are answers", () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(golden.logits).sort());
  });

  it.each(Object.entries(cases))("%s", async (name, [shape, build]) => {
    const traced = tracedOn(shape, build);
    const { y } = await evaluate({ y: traced.result }, { x: image(shape), ...weights(traced) });
    expectClose(y!, golden.logits[name]!, 2e-5, name);
  });
});

describe("the networks of the papers", () => {
  const count = (shape: Shape, build: Build): number => parameterCount(tracedOn(shape, build));

  it("VoxCNN: ten convolutions, three layers, 375,210 parameters, 64 features of 110³ voxels", () => {
    const traced = tracedOn([1, 1, 110, 110, 110], (scope, x) => voxCnn(scope, x, voxCnnOfPaper));
    const widths = [1, 8, 8, 16, 16, 32, 32, 32, 64, 64, 64];
    const convolutions = widths.slice(1).reduce((sum, to, n) => sum + 27 * widths[n]! * to + to, 0);
    const layers = 64 * 128 + 128 + 2 * 128 + 128 * 64 + 64 + 64 * 2 + 2;
    expect(traced.parameters.get("hidden0.weight")!.value.shape).toEqual([128, 64]);
    expect(parameterCount(traced)).toBe(convolutions + layers);
    expect(parameterCount(traced)).toBe(golden.parameters["vox-cnn"]);
  });

  it("VoxResNet: 17 convolutions in 110³ voxels, as many parameters without shortcuts", () => {
    const build =
      (shortcuts: boolean): Build =>
      (scope, x) =>
        voxResNet(scope, x, { ...voxResNetOfPaper, shortcuts });
    const shape = [1, 1, 110, 110, 110];
    const kernels = [...tracedOn(shape, build(true)).parameters.values()].filter(
      ({ value }) => value.shape.length === 5,
    );
    expect(kernels).toHaveLength(17);
    expect(count(shape, build(true))).toBe(golden.parameters["vox-resnet"]);
    expect(count(shape, build(false))).toBe(golden.parameters["vox-resnet"]);
  });

  it("Conv5_FC3 finds 128 x 6 x 7 x 6 features in 169 x 208 x 179 voxels, and has 42,293,972 parameters", () => {
    const traced = tracedOn([1, 1, 179, 208, 169], (scope, x) => convFc(scope, x, conv5Fc3));
    expect(traced.parameters.get("hidden0.weight")!.value.shape).toEqual([1300, 128 * 6 * 7 * 6]);
    expect(parameterCount(traced)).toBe(golden.parameters["conv5-fc3"]);
  });

  it("Conv4_FC3 finds 50 x 2³ features in 50³ voxels", () => {
    const traced = tracedOn([1, 1, 50, 50, 50], (scope, x) => convFc(scope, x, conv4Fc3));
    expect(traced.parameters.get("hidden0.weight")!.value.shape).toEqual([50, 400]);
    expect(parameterCount(traced)).toBe(golden.parameters["conv4-fc3"]);
  });

  it("ResNet-18 has the 11,689,512 parameters that torchvision's has", () => {
    const build: Build = (scope, x) => resNet(scope, x, resNet18);
    expect(count([1, 3, 224, 224], build)).toBe(11_689_512);
    expect(golden.parameters["resnet-18"]).toBe(11_689_512);
  });

  it.each([20, 32, 44, 56, 110])("%i layers, residual and plain alike", (layers) => {
    const counted = (["residual", "plain"] as const).map((kind) =>
      count([1, 3, 32, 32], (scope, x) => resNet(scope, x, networkOfDepth(layers, kind))),
    );
    expect(counted).toEqual([
      golden.parameters[`residual-${layers}`],
      golden.parameters[`residual-${layers}`],
    ]);
  });
});

describe("presets of the papers, on the grids of the papers", () => {
  const mni = { size: [169, 208, 179] as const, affine: identityAffine };
  const adni = { size: [110, 110, 110] as const, affine: identityAffine };
  const countOf = (config: ClassificationConfig, grid: typeof mni | typeof adni): number => {
    const { shape } = viewsOf(config, preparedGrid(config.input, grid));
    return parameterCount(tracedOn([1, ...shape], (scope, x) => classifier(scope, x, config.network), true));
  };

  it("are those networks", () => {
    expect(countOf(voxcnn.paper, adni)).toBe(golden.parameters["vox-cnn"]);
    expect(countOf(voxcnn["resnet-paper"], adni)).toBe(golden.parameters["vox-resnet"]);
    expect(countOf(voxcnn["plain-paper"], adni)).toBe(golden.parameters["vox-resnet"]);
    expect(countOf(adcnn["subject-paper"], mni)).toBe(golden.parameters["conv5-fc3"]);
    expect(countOf(adcnn["roi-paper"], mni)).toBe(golden.parameters["conv4-fc3"]);
    expect(countOf(adcnn["patch-paper"], mni)).toBe(golden.parameters["conv4-fc3"]);
    // The 1000 outputs of before, and two more from these.
    expect(countOf(adcnn["slice-paper"], mni)).toBe(golden.parameters["resnet-18"]! + 2002);
  });

  it("see 36 patches, 129 slices, two hippocampi", () => {
    const seen = (config: ClassificationConfig): number => viewsOf(config, mni).positions.length;
    expect(seen(adcnn["patch-paper"])).toBe(36);
    expect(seen(adcnn["slice-paper"])).toBe(129);
    expect(seen(adcnn["roi-paper"])).toBe(2);
    expect(seen(adcnn["subject-paper"])).toBe(1);
  });
});

describe("classifiers", () => {
  it("take slabs of few slices, and refuse what is too small for convolutions without padding", () => {
    const slab = tracedOn([1, 1, 16, 104, 88], (scope, x) => convFc(scope, x, conv5Fc3));
    expect(slab.parameters.get("hidden0.weight")!.value.shape).toEqual([1300, 128 * 1 * 4 * 3]);
    expect(() => tracedOn([1, 1, 48, 48, 48], (scope, x) => voxCnn(scope, x, voxCnnOfPaper))).toThrow(
      /at least 100 voxels along each axis.*48 x 48 x 48/,
    );
    expect(() => tracedOn([1, 1, 16, 50, 50], (scope, x) => convFc(scope, x, conv4Fc3))).toThrow(
      /fewer than 3 voxels along an axis/,
    );
  });

  it("are pre-trained under the names that they have themselves", () => {
    const options = { widths: [3, 4], padding: "same" as const };
    const network = tracedOn([1, 1, 8, 8, 8], (scope, x) =>
      convFc(scope, x, { ...options, hidden: [5], classes: 2, dropout: 0 }),
    );
    const auto = tracedOn([1, 1, 8, 8, 8], (scope, x) => convAutoencoder(scope, x, options));
    const encoder = [...auto.parameters.keys()].filter((path) => path.startsWith("encoder."));
    const stages = [...network.parameters.keys()].filter((path) => path.startsWith("stage"));
    expect(encoder.map((path) => path.slice("encoder.".length))).toEqual(stages);
  });
});
