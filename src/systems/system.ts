import type { Verbs } from "../tasks/verbs.js";

export type * from "../tasks/verbs.js";

/** The work that a system answers to: what its paper is. */
export interface Paper {
  readonly title: string;
  readonly authors: string;
  readonly venue: string;
  readonly year: number;
  /** Identifier on arXiv, such as "1505.04597". */
  readonly arxiv?: string;
}

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
  readonly verbs: () => Promise<Verbs>;
}
