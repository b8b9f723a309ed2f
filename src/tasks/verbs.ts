import type { DataSetOptions } from "../io/dataset.js";
import type { EvaluationReport, ShownInterval } from "../report/data.js";
import type { Device } from "../runtime/engine.js";

/** What every system can be asked to do. Paths are the caller's own; nothing is printed. */
export interface Verbs {
  /** Train, or go on training, into a run folder. */
  train(request: TrainRequest): Promise<TrainSummary>;
  /** Apply a run or an exported model to scans; results lie on each scan's own grid. */
  predict(request: PredictRequest): Promise<PredictSummary>;
  /** Judge a run on the subjects that it was not trained on, or on another data set. */
  evaluate(request: EvaluateRequest): Promise<EvaluateSummary>;
  /** Write a run's best weights as an `.onnx` file of standard operators. */
  exportModel(request: ExportRequest): Promise<ExportSummary>;
  /** Write a run's report as one HTML page. */
  report(request: ReportRequest): Promise<ReportSummary>;
}

export interface TrainRequest {
  readonly dataDir: string;
  /** How to read the data set where its files do not say: channels, names of labels, which segmentation. */
  readonly dataset?: DataSetOptions;
  readonly runDir: string;
  /** Default: the system's first one. */
  readonly preset?: string;
  /** Settings that differ from the preset, as typed: `{ batchSize: "2" }`. */
  readonly set: Readonly<Record<string, string>>;
  /** Which fold is held out, from 0. */
  readonly fold?: number;
  /** All folds one after the other, where the system cross-validates. */
  readonly allFolds?: boolean;
  readonly folds?: number;
  /** A split file of `gyrus split`, of which `fold` is held out for validation. */
  readonly split?: string;
  /** Train on a split that leaks, and say so in the run's record for ever. */
  readonly leakageStudy?: boolean;
  /** Stop in good order after this many minutes of training. */
  readonly minutes?: number;
  readonly epochs?: number;
  readonly seed: number;
  /** Classification: begin with the best weights of this run instead of at random. */
  readonly init?: string;
  /** Go on from the last checkpoint of `runDir`. */
  readonly resume: boolean;
  /**
   * With `resume`: give the run another end, of `epochs` or `minutes` in all. Only for systems that can (`extendable`);
   * others refuse another length.
   */
  readonly extend?: boolean;
  readonly threads?: number;
  /** "lean": compute activations again instead of keeping them. Default: where the step would not fit otherwise. */
  readonly memory?: "normal" | "lean";
  /** Default "cpu". One that does not work here is an error. */
  readonly device?: Device;
  /** Aborted: finish the step, save, and return with `stopped: "asked"`. */
  readonly signal?: AbortSignal;
  onProgress?(progress: TrainProgress): void;
}

export interface TrainProgress {
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly loss?: number;
  /** Of the latest validation; higher is better. */
  readonly score?: number;
  readonly secondsLeft: number;
  /** Which part of a larger work this is: "fold 1". */
  readonly part?: string;
  /** Something a person should read once: "batch size lowered to 1". */
  readonly note?: string;
  /** Work before or after the steps, piece by piece: "preparing case". */
  readonly piece?: {
    readonly what: string;
    readonly done: number;
    readonly total: number;
    readonly name: string;
  };
}

/** One fold of several. */
export interface FoldSummary {
  readonly fold: number;
  readonly run: string;
  readonly steps: number;
  readonly seconds: number;
  /** Of its held-out cases, or in validation, by measure and label. */
  readonly scores: Readonly<Record<string, number>>;
}

export interface TrainSummary {
  /** The run folder. */
  readonly run: string;
  readonly steps: number;
  readonly seconds: number;
  /** `done`: to the planned end (of steps or of minutes); `early`: no progress any more; `asked`: interrupted. */
  readonly stopped: "done" | "early" | "asked";
  /** `null` where nothing was held out to validate on. */
  readonly bestScore: number | null;
  readonly bestStep: number;
  /** Of the best weights in validation, by label. */
  readonly scores: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
  /** What the step was estimated to take, and the most memory that the process held. */
  readonly memory: { readonly estimateBytes: number; readonly peakBytes: number };
  /** Where all folds were asked for: those that are done. `scores` are then of all cases, once all are, or means over the folds. */
  readonly folds?: readonly FoldSummary[];
}

export interface PredictRequest {
  /** A run folder or an exported `.onnx` file. */
  readonly model: string;
  readonly scans: readonly string[];
  readonly outDir: string;
  /**
   * Average over copies of the scan mirrored as in training: slower, often a little better. Default true. Only for
   * systems that do (`averagesMirrored`).
   */
  readonly mirror?: boolean;
  /**
   * Predict scans whose results are there already once more. Only for systems that keep such results (nnunet): others
   * always do.
   */
  readonly overwrite?: boolean;
  readonly threads?: number;
  /** Default "cpu". One that does not work here is an error. */
  readonly device?: Device;
  readonly signal?: AbortSignal;
  onProgress?(done: number, total: number, name: string): void;
  /** Something that a person should read once, before the first scan: what predicts, and the memory that it takes. */
  onNote?(text: string): void;
}

export interface PredictSummary {
  /** `kept`: the prediction was there already, of this scan by this model. */
  readonly files: readonly { readonly scan: string; readonly prediction: string; readonly kept?: boolean }[];
}

export interface EvaluateRequest {
  readonly runDir: string;
  /** Default: the held-out subjects of the data that the run was trained on. */
  readonly dataDir?: string;
  /** Judge the sealed test set of the run's split: once, and recorded. */
  readonly final?: boolean;
  /** Which values the caller takes for better: refused, before a look is taken, where those of the headline measure are others. */
  readonly better?: "higher" | "lower";
  /** As of `PredictRequest`. */
  readonly mirror?: boolean;
  readonly threads?: number;
  /** Default "cpu". One that does not work here is an error. */
  readonly device?: Device;
  readonly signal?: AbortSignal;
  onProgress?(done: number, total: number, name: string): void;
}

/** The same record that the report prints: `overall` is the headline metric over all labels. */
export interface EvaluateSummary extends EvaluationReport {
  readonly run: string;
  /** The data set that it was judged on. */
  readonly dataDir: string;
  /** Share of voxels with the right class, background included, averaged over cases. */
  readonly accuracy?: ShownInterval;
}

export interface ExportRequest {
  readonly runDir: string;
  readonly out: string;
}

export interface ExportSummary {
  readonly path: string;
  readonly bytes: number;
}

export interface ReportRequest {
  readonly runDir: string;
}

export interface ReportSummary {
  readonly path: string;
}
