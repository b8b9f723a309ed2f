import type { State } from "../train/loop.js";

/** A first state with weights that are known already, in its moving averages as well; what it does not hold is left out. */
export function withFirst(state: State, known: State): State {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [
      name,
      known[name.replace(/^average\//, "parameter/")] ?? value,
    ]),
  );
}
