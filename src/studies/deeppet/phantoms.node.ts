import { type PhantomTask, phantomMaker, type StudyScan } from "./data.js";
import type { Extent } from "./plan.js";

export interface PhantomSetup {
  readonly extent: Extent;
  readonly seed: number;
}

/** What each thread does while the data are made: see `openPool`. */
export function start({ extent, seed }: PhantomSetup): (task: PhantomTask) => StudyScan[] {
  return phantomMaker(extent, seed);
}
