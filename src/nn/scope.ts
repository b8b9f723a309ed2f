import { fail } from "../core/errors.js";
import type { Rng } from "../core/rng.js";
import { floats, type Shape, sameShape, showShape, type Tensor } from "../core/tensor.js";
import type { Value } from "../graph/node.js";
import { input } from "../ops/leaf.js";
import { randomNormal, randomUniform } from "../ops/random.js";
import type { Initializer } from "./initialize.js";

/** What a model learns or keeps: declared while the model is traced, made by `initialize`. */
export interface Declared {
  readonly value: Value;
  readonly initialize: Initializer;
}

export interface ParameterOptions {
  /** Whether weight decay applies; norms and biases say no. Default true. */
  readonly decay?: boolean;
}

/**
 * A named place in a model. Layers are functions that take one; children are named, never counted, so that
 * inserting a layer does not rename the others' parameters in a checkpoint.
 */
export interface Scope {
  readonly path: string;
  /** True while training: batch statistics and dropout; false: running statistics, no dropout. */
  readonly training: boolean;
  child(name: string): Scope;
  /**
   * The same place used once more, in another part of the model: parameters that are there already are shared instead of
   * declared twice, statistics follow one use after the other, random numbers are drawn apart under the name of the
   * use. `training` replaces the mode of the whole.
   */
  again(use: string, training?: boolean): Scope;
  /** A weight that gradients reach. */
  parameter(name: string, shape: Shape, initialize: Initializer, options?: ParameterOptions): Value;
  /** A value that training updates by other means, e.g. a running mean. */
  statistic(name: string, shape: Shape, initialize: Initializer): Value;
  /** What a statistic becomes after this step. */
  update(name: string, next: Value): void;
  /** Numbers drawn anew at every step: uniform in [0, 1), or standard normal. They depend on the step's key alone. */
  random(name: string, shape: Shape, distribution?: "uniform" | "normal"): Value;
}

/** The input that decides all random numbers of a step: see `randomKey`. There only if the model wants some. */
export const randomKeyName = "random/key";

/** Everything that a traced model declared, by path; insertion order is declaration order. */
export interface Traced<R> {
  readonly result: R;
  readonly parameters: ReadonlyMap<string, Declared>;
  readonly decayed: ReadonlySet<string>;
  readonly statistics: ReadonlyMap<string, Declared>;
  readonly updates: ReadonlyMap<string, Value>;
  readonly randoms: ReadonlyMap<string, Value>;
}

/**
 * Run a model function once, in graph-building mode, and collect what it declares.
 * Throws `bad-argument` when two layers claim one name.
 */
export function trace<R>(training: boolean, build: (scope: Scope) => R): Traced<R> {
  const parameters = new Map<string, Declared>();
  const statistics = new Map<string, Declared>();
  const updates = new Map<string, Value>();
  const randoms = new Map<string, Value>();
  const decayed = new Set<string>();
  let key: Value | undefined;

  const declare = (
    into: Map<string, Declared>,
    kind: string,
    path: string,
    shape: Shape,
    initialize: Initializer,
    shared: boolean,
  ): Value => {
    const known = shared ? into.get(path)?.value : undefined;
    if (known !== undefined && sameShape(known.shape, shape)) return known;
    if (parameters.has(path) || statistics.has(path))
      fail("bad-argument", {
        what: `two layers are called "${path}"`,
        ...(known === undefined ? {} : { expected: showShape(known.shape), found: showShape(shape) }),
        fix: "Give each its own child scope",
      });
    const value = input(`${kind}/${path}`, shape);
    into.set(path, { value, initialize });
    return value;
  };

  const scopeAt = (path: string, use?: string, mode = training): Scope => {
    const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
    const shared = use !== undefined;
    return {
      path,
      training: mode,
      child: (name) => scopeAt(at(name), use, mode),
      again: (name, as = mode) => scopeAt(path, use === undefined ? name : `${use}/${name}`, as),
      parameter: (name, shape, initialize, { decay = true } = {}) => {
        if (decay) decayed.add(at(name));
        return declare(parameters, "parameter", at(name), shape, initialize, shared);
      },
      statistic: (name, shape, initialize) => {
        const first = declare(statistics, "statistic", at(name), shape, initialize, shared);
        return updates.get(at(name)) ?? first;
      },
      update: (name, next) => void updates.set(at(name), next),
      random: (name, shape, distribution = "uniform") => {
        const drawn = use === undefined ? at(name) : `${at(name)}@${use}`;
        if (randoms.has(drawn))
          fail("bad-argument", {
            what: `random numbers called "${drawn}" are drawn twice`,
            fix: "Give each layer its own child scope",
          });
        key ??= input(randomKeyName, [2], "int32");
        const value = (distribution === "normal" ? randomNormal : randomUniform)(key, drawn, shape);
        randoms.set(drawn, value);
        return value;
      },
    };
  };
  const result = build(scopeAt(""));
  return { result, parameters, decayed, statistics, updates, randoms };
}

/** First values of everything declared, each drawn from a generator of its own name. */
export function initialState(
  { parameters, statistics }: Pick<Traced<unknown>, "parameters" | "statistics">,
  rng: Rng,
): Record<string, Tensor> {
  const state: Record<string, Tensor> = {};
  for (const [kind, declared] of [
    ["parameter", parameters],
    ["statistic", statistics],
  ] as const)
    for (const [path, { value, initialize }] of declared)
      state[`${kind}/${path}`] = floats(value.shape, initialize(value.shape, rng.split(path)));
  return state;
}

/** Number of learned weights. */
export function parameterCount({ parameters }: Pick<Traced<unknown>, "parameters">): number {
  return [...parameters.values()].reduce(
    (total, { value }) => total + value.shape.reduce((a, b) => a * b, 1),
    0,
  );
}
