import { bench, describe } from "vitest";
import { rng } from "../src/core/rng.js";
import { overlap } from "../src/metrics/overlap.js";
import { surfaceScores } from "../src/metrics/surface.js";
import { type Augmentation, augmentations, defineAugmentation } from "../src/transforms/augmentation.js";
import { augment } from "../src/transforms/pipeline.js";
import type { Sample } from "../src/transforms/sample.js";
import { type Size3, voxelCount } from "../src/volume/volume.js";

// One training patch, and the scoring of one case, on one core: `npx vitest bench --run bench/augmentation`.

const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

function ballSample(
  size: Size3,
  radius: number,
  shift = 0,
): Sample & { label: NonNullable<Sample["label"]> } {
  const random = rng("bench");
  const image = Float32Array.from({ length: voxelCount(size) }, () => random.normal());
  const label = Uint8Array.from(image, (_, v) => {
    const i = (v % size[0]) - size[0] / 2 - shift;
    const j = (Math.floor(v / size[0]) % size[1]) - size[1] / 2;
    const k = Math.floor(v / (size[0] * size[1])) - size[2] / 2;
    return Math.hypot(i, j, k) < radius ? 1 : 0;
  });
  const grid = { size, affine: identity, channels: 1 };
  return { image: { data: image, ...grid }, label: { data: label, ...grid } };
}

const on = { probability: 1 };
const everything = defineAugmentation({
  mirror: on,
  rotation: on,
  scaling: on,
  shear: on,
  translation: on,
  elastic: on,
  bias: on,
  blur: on,
  lowResolution: on,
  noise: on,
  brightness: on,
  contrast: on,
  gamma: on,
  gammaInverted: on,
});
const specs: Record<string, Augmentation> = { ...augmentations, everything };

for (const [source, patch] of [
  [
    [35, 51, 36],
    [40, 56, 40],
  ],
  [
    [512, 512, 1],
    [256, 256, 1],
  ],
] as [Size3, Size3][])
  describe(`augment, patch ${patch.join("x")}`, () => {
    const sample = ballSample(source, 12);
    for (const [name, spec] of Object.entries(specs)) {
      let step = 0;
      bench(name, () => {
        augment(spec, rng(step++), sample, patch);
      });
    }
  });

for (const [size, radius] of [
  [[35, 51, 36], 10],
  [[160, 192, 224], 60],
] as [Size3, number][])
  describe(`score one label, ${size.join("x")}`, () => {
    const a = ballSample(size, radius).label;
    const b = ballSample(size, radius, 1).label;
    bench("overlap", () => {
      overlap(a, b, { ball: 1 });
    });
    bench("surface", () => {
      surfaceScores(a, b, { ball: 1 });
    });
  });
