import type { TensorType, Value } from "../../graph/node.js";
import { type Program, program } from "../../graph/program.js";
import { l2 } from "../../loss/regression.js";
import { gradientPenalty, wassersteinDistance } from "../../loss/wasserstein.js";
import { denoisingCritic, denoisingGenerator } from "../../models/red-wgan.js";
import { type UNetOptions, unetEncoder } from "../../models/unet.js";
import { type Scope, trace } from "../../nn/scope.js";
import { add, mul, neg, sub } from "../../ops/elementwise.js";
import { input } from "../../ops/leaf.js";
import { mean } from "../../ops/norm.js";
import type { MemoryUse } from "../../train/step.js";
import { buildSteps, type PhaseDefinition, type Steps } from "../../train/steps.js";
import type { Size3 } from "../../volume/volume.js";
import { optimizerOf } from "../settings.js";
import type { DenoisingConfig } from "./config.js";

/** The part of a U-Net that judges likeness. */
export type FeatureOptions = Omit<UNetOptions, "classes">;

/** The features that are drawn at random. Instance norm makes them blind to a patch's scale and offset. */
export function randomFeatures({ features }: DenoisingConfig): FeatureOptions {
  return { widths: features.widths, dimensions: 3, depth: 1, norm: "instance" };
}

/** Shape of a batch: `clean` and `noisy` `[N, 1, k, j, i]`, in the network's units; `scale`: these in units of the volume's reference. */
export function batchTypes({ batch, patch: [i, j, k] }: Pick<DenoisingConfig, "batch" | "patch">): {
  readonly clean: TensorType;
  readonly noisy: TensorType;
  readonly scale: TensorType;
} {
  const type = { dtype: "float32", shape: [batch, 1, k, j, i] } as const;
  return { clean: type, noisy: type, scale: { dtype: "float32", shape: [batch, 1, 1, 1, 1] } };
}

type Networks = {
  readonly generator: (scope: Scope, x: Value) => Value;
  readonly critic: (scope: Scope, x: Value) => Value;
  readonly features: (scope: Scope, x: Value) => Value[];
};

/**
 * The training iteration: the critic's steps, where it is wanted, then the generator's. Without the critic and the
 * perceptual term it is CNN3D of the paper, one step.
 */
export function denoisingSteps(
  config: DenoisingConfig,
  features: FeatureOptions = randomFeatures(config),
  memory: MemoryUse = "normal",
): Steps {
  const networks: Networks = {
    generator: (scope, x) => denoisingGenerator(scope, x, config.network),
    critic: (scope, x) => denoisingCritic(scope, x, config.critic),
    features: (scope, x) => unetEncoder(scope, x, features),
  };
  return buildSteps({
    networks,
    batch: batchTypes(config),
    memory,
    steps: [...(config.loss.adversarial > 0 ? [criticStep(config)] : []), generatorStep(config)],
  });
}

function criticStep({ batch, critic: { steps, penalty: weight, rate }, ...config }: DenoisingConfig) {
  const step: PhaseDefinition<Networks> = {
    name: "critic",
    trains: ["critic"],
    repeats: steps,
    rate,
    optimizer: optimizerOf(config),
    objective: ({ generator, critic }, { clean, noisy, scale }, scope) => {
      // The critic sees all levels equally bright.
      const [made, real] = [mul(generator(noisy!), scale!), mul(clean!, scale!)];
      const distance = wassersteinDistance(critic(real), critic(made));
      const mix = scope.random("mix", [batch, 1, 1, 1, 1]);
      const { penalty, norm } = gradientPenalty(critic, real, made, mix);
      return { loss: sub(mul(penalty, weight), distance), metrics: { distance, penalty, norm } };
    },
  };
  return step;
}

function generatorStep({ loss: weights, average, ...config }: DenoisingConfig): PhaseDefinition<Networks> {
  return {
    name: "generator",
    trains: ["generator"],
    optimizer: optimizerOf(config),
    ...(average === null ? {} : { average }),
    objective: ({ generator, critic, features }, { clean, noisy, scale }) => {
      const made = generator(noisy!);
      const metrics: Record<string, Value> = { mse: l2(made, clean!) };
      const terms: Value[] = weights.mse > 0 ? [mul(metrics.mse!, weights.mse)] : [];
      if (weights.perceptual > 0) {
        const [found, wanted] = [features(made), features(clean!)];
        const levels = found.map((level, n) => l2(level, wanted[n]!));
        metrics.perceptual = mul(levels.reduce(add), 1 / levels.length);
        terms.push(mul(metrics.perceptual, weights.perceptual));
      }
      if (weights.adversarial > 0) {
        metrics.adversarial = neg(mean(critic(mul(made, scale!))));
        terms.push(mul(metrics.adversarial, weights.adversarial));
      }
      return { loss: terms.reduce(add), metrics };
    },
  };
}

/** The predicting graph of some windows: `noisy` → `clean`, running statistics; weights are inputs. */
export function predictionProgram(config: DenoisingConfig, [i, j, k]: Size3, batch = 1): Program {
  const noisy = input("noisy", [batch, 1, k, j, i]);
  const { result } = trace(false, (scope) =>
    denoisingGenerator(scope.child("generator"), noisy, config.network),
  );
  return program({ clean: result });
}
