import type { Paper, Study } from "../studies/study.js";
import type { Verbs } from "../tasks/verbs.js";

export type { Paper } from "../studies/study.js";
export type * from "../tasks/verbs.js";

/**
 * One system of the ladder, as data: what a menu says about it, and its verbs behind an import, so that listing
 * systems loads no engine.
 */
export interface System {
  /** As typed: "segment-unet". */
  readonly name: string;
  /** "segmentation", "classification", … */
  readonly task: string;
  /** One sentence, no full stop. */
  readonly summary: string;
  readonly paper: Paper;
  /** The first one is the default. */
  readonly presets: Readonly<Record<string, { readonly summary: string }>>;
  /** Whether its `train` takes all folds one after the other. Default: one fold at a time. */
  readonly crossValidates?: boolean;
  /** Fitted in one go: no steps, no checkpoints, nothing to resume. Default: trained by steps. */
  readonly fittedAtOnce?: boolean;
  /** Whether its `predict` and `evaluate` average over mirrored copies of a scan. Default: they do not. */
  readonly averagesMirrored?: boolean;
  /** Whether its `train` gives a run that is there another end. Default: it keeps to the length that it was begun with. */
  readonly extendable?: boolean;
  readonly verbs: () => Promise<Verbs>;
  /** The claims of its paper on simulated data: what `gyrus reproduce` runs. Absent: there is none yet. */
  readonly study?: () => Promise<Study>;
}

/** Claims that stand by themselves, of a paper that brought a part and not a system: batch normalisation. */
export interface ListedStudy {
  /** As typed: "batch-norm". */
  readonly name: string;
  /** One sentence, no full stop. */
  readonly summary: string;
  readonly paper: Paper;
  readonly study: () => Promise<Study>;
}
