import type { Executable } from "../runtime/engine.js";
import type { BatchSource, Progress, State, Validation } from "../train/loop.js";
import type { Step } from "../train/step.js";
import type { RunRecord } from "./run.js";

/** Batches made on a thread of their own while the engine computes; `close` ends it. */
export interface ThreadedBatches {
  readonly batches: BatchSource;
  close(): Promise<void>;
}

/** A network with the weights of a state, ready to be judged on the held-out cases. */
export interface OpenValidation {
  /** On the first so many cases; default all. */
  judge(cases?: number): Promise<Validation>;
  close(): Promise<void>;
}

/** A run that is ready for its first, or its next, step; what differs from task to task are functions. */
export interface Trainable<R extends RunRecord> {
  readonly run: R;
  readonly step: Pick<Step, "stateNames">;
  readonly executable: Executable;
  readonly progress: Progress;
  readonly state: State;
  /** What decides the batches is in the run. */
  openBatches(run: R): Promise<ThreadedBatches>;
  /** Absent where nothing is held out. */
  readonly validation?: {
    readonly cases: number;
    /** Names of the scores among a validation's metrics. */
    readonly scores: readonly string[];
    /** See `LoopOptions`. */
    readonly smoothing?: number;
    open(run: R, state: State): Promise<OpenValidation>;
  };
  /** Which weights become the model: of the best validation, the default, or of the end. */
  readonly keeps?: "best" | "last";
  /** The bytes of `model.onnx`. */
  encode(run: R, state: State): Uint8Array;
  /** A sample in words, for when memory runs out: "patch 64, 64, 64". */
  readonly sample: string;
}
