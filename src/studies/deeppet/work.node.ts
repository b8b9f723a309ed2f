import { type ClassicResult, judgeClassic } from "./classic.js";
import { type PhantomTask, phantomMaker, type StudyData, type StudyScan } from "./data.js";
import type { Extent, LevelName } from "./plan.js";

export interface WorkSetup {
  readonly extent: Extent;
  readonly seed: number;
  /** Absent while the data are made. */
  readonly data?: Omit<StudyData, "training">;
}

export type Work = { readonly phantom: PhantomTask } | { readonly level: LevelName };

/** What each thread does: see `openPool`. */
export function start({ extent, seed, data }: WorkSetup): (work: Work) => StudyScan[] | ClassicResult {
  const make = phantomMaker(extent, seed);
  return (work) => ("phantom" in work ? make(work.phantom) : judgeClassic(data!, extent, work.level, seed));
}
