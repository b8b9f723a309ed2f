import type { Value } from "../graph/node.js";
import { add, div, exp, maximum, minimum, mul, neg, sqrt, sub } from "../ops/elementwise.js";
import { concat, reshape } from "../ops/move.js";
import { sum } from "../ops/reduce.js";

/** Values by parameter path. */
export type Named = ReadonlyMap<string, Value>;

/** What an optimiser may look at besides gradients. */
export interface OptimizerContext {
  readonly parameters: Named;
  /** Scalars, fed at every step. `step` counts from 1. */
  readonly learningRate: Value;
  readonly step: Value;
  /** Paths to which weight decay applies. */
  readonly decayed: ReadonlySet<string>;
}

/**
 * A rule from gradients to updates, as a pair of pure functions: the slots it keeps (each like the parameters,
 * zero at first), and the new updates with the new slots. Rules are chained; the last one's updates are added
 * to the parameters.
 */
export interface Transform {
  /** Names of per-parameter state, e.g. "momentum". */
  readonly slots: readonly string[];
  update(updates: Named, state: ReadonlyMap<string, Named>, context: OptimizerContext): Updated;
}

export interface Updated {
  readonly updates: Named;
  readonly state: ReadonlyMap<string, Named>;
  /** Scalars worth recording, e.g. the gradient's norm. */
  readonly metrics?: Readonly<Record<string, Value>>;
}

const stateless: ReadonlyMap<string, Named> = new Map();

function map(named: Named, change: (value: Value, path: string) => Value): Named {
  return new Map([...named].map(([path, value]) => [path, change(value, path)]));
}

/** One rule after the other. */
export function chain(...transforms: readonly Transform[]): Transform {
  return {
    slots: transforms.flatMap((transform) => transform.slots),
    update: (updates, state, context) =>
      transforms.reduce<Updated>(
        (before, transform) => {
          const after = transform.update(before.updates, state, context);
          return {
            updates: after.updates,
            state: new Map([...before.state, ...after.state]),
            metrics: { ...before.metrics, ...after.metrics },
          };
        },
        { updates, state: stateless },
      ),
  };
}

/** Scale all gradients together so that their joint Euclidean norm is at most `limit`. */
export function clipByGlobalNorm(limit: number): Transform {
  return {
    slots: [],
    update: (updates) => {
      const squares = [...updates.values()].map((g) => reshape(sum(mul(g, g)), [1]));
      const norm = sqrt(sum(concat(squares, 0)));
      const factor = minimum(1, div(limit, maximum(norm, 1e-12)));
      return {
        updates: map(updates, (g) => mul(g, factor)),
        state: stateless,
        metrics: { gradientNorm: norm },
      };
    },
  };
}

/** Add `rate` times the parameter to its gradient: L2 regularisation. */
export function addDecay(rate: number): Transform {
  return {
    slots: [],
    update: (updates, _, { parameters, decayed }) => ({
      updates:
        rate === 0
          ? updates
          : map(updates, (g, path) => (decayed.has(path) ? add(g, mul(parameters.get(path)!, rate)) : g)),
      state: stateless,
    }),
  };
}

/** Heavy-ball momentum as PyTorch has it: v ← μ v + g; Nesterov looks ahead with g + μ v. */
export function momentum(rate: number, { nesterov = false } = {}): Transform {
  return {
    slots: ["momentum"],
    update: (updates, state) => {
      const old = state.get("momentum")!;
      const velocity = map(updates, (g, path) => add(mul(old.get(path)!, rate), g));
      const ahead = nesterov ? map(updates, (g, path) => add(g, mul(velocity.get(path)!, rate))) : velocity;
      return { updates: ahead, state: new Map([["momentum", velocity]]) };
    },
  };
}

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/**
 * m̂ / (sqrt(v̂) + ε) with bias-corrected moments. Kingma & Ba, arXiv 1412.6980.
 *
 * Kept are discounted sums, m / (1 - β1) and v / (1 - β2), not means: s ← β s + g is a pass over all parameters less
 * for each, and the constant belongs to a scalar that is there anyway.
 */
export function scaleByAdam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions = {}): Transform {
  return {
    slots: ["adam/sum", "adam/squares"],
    update: (updates, state, { step }) => {
      const discounted = (slot: string, rate: number, fresh: (g: Value) => Value): Named =>
        map(updates, (g, path) => add(mul(state.get(slot)!.get(path)!, rate), fresh(g)));
      const sums = discounted("adam/sum", beta1, (g) => g);
      const squares = discounted("adam/squares", beta2, (g) => mul(g, g));
      // Sums of the discounts so far: what turns a discounted sum into a mean, bias-corrected.
      const discounts = (rate: number): Value => div(sub(1, exp(mul(step, Math.log(rate)))), 1 - rate);
      const root = sqrt(discounts(beta2));
      const factor = div(root, discounts(beta1));
      const floor = mul(root, epsilon);
      const scaled = map(sums, (sum, path) => mul(div(sum, add(sqrt(squares.get(path)!), floor)), factor));
      return {
        updates: scaled,
        state: new Map([
          ["adam/sum", sums],
          ["adam/squares", squares],
        ]),
      };
    },
  };
}

/** Step against the gradient. */
export function descend(): Transform {
  return {
    slots: [],
    update: (updates, _, { learningRate }) => {
      const against = neg(learningRate);
      return { updates: map(updates, (g) => mul(g, against)), state: stateless };
    },
  };
}

/** After `descend`: shrink the parameters by `rate` times the learning rate, whatever their gradients say. */
export function decay(rate: number): Transform {
  return {
    slots: [],
    update: (updates, _, { parameters, decayed, learningRate }) => {
      const share = mul(learningRate, -rate);
      return {
        updates:
          rate === 0
            ? updates
            : map(updates, (u, path) => (decayed.has(path) ? add(u, mul(parameters.get(path)!, share)) : u)),
        state: stateless,
      };
    },
  };
}
