import { z } from "zod";
import type { StudySection } from "../report/study.js";

/** The work whose claims are put to the test. */
export interface Paper {
  readonly title: string;
  readonly authors: string;
  readonly venue: string;
  readonly year: number;
  /** Identifier on arXiv, such as "1505.04597". */
  readonly arxiv?: string;
}

/**
 * A claim of a paper and what was found: one entry of `claims.json`. Numbers of `paper`, `ours` and `interval` are in
 * one unit, which the statement names; `paper` is words where the paper gives no number.
 */
export const claimSchema = z
  .object({
    /** Lower-case letters, digits and hyphens; stays the same from version to version. */
    id: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
    statement: z.string().min(1),
    paper: z.union([z.number(), z.string().min(1)]),
    ours: z.number(),
    /** 95 % confidence interval over repetitions. */
    interval: z.tuple([z.number(), z.number()]),
    holds: z.boolean(),
  })
  .strict();

export const claimsSchema = z.array(claimSchema).min(1);

export type Claim = z.infer<typeof claimSchema>;

/** A claim with the words that a person reads. */
export interface ShownClaim extends Claim {
  readonly shown: { readonly paper: string; readonly ours: string; readonly interval: string };
}

/** How a study is to be run. */
export interface StudySize {
  readonly seed: number;
  /** A folder of real images that a study may want to see as well. */
  readonly dataDir?: string;
  /**
   * About how long it may take on two cores. It decides how much is computed, by the same rule everywhere, and is not
   * held against a clock: the same size and seed give the same bits on a slow machine and a fast one.
   */
  readonly minutes: number;
}

/** Work that is done in one go and whose result is kept: interrupting a study loses the parts in progress. */
export interface Part {
  /** A file name without suffix. */
  readonly id: string;
  /** In words: "dense, sigmoid, batch norm, rate 0.5, repetition 2". */
  readonly what: string;
  /** Expected time relative to other parts. */
  readonly cost: number;
  /** Parts that have to be finished first: ids that come before this one in the list. */
  readonly after?: readonly string[];
}

export interface Conclusion {
  readonly claims: readonly ShownClaim[];
  /** Sentences below the table of claims. */
  readonly notes: readonly string[];
  readonly sections: readonly StudySection[];
}

/** What works on the parts: data in memory, threads waiting. */
export interface Workshop {
  /**
   * The part's result: plain JSON, decided by the plan and the part's id alone. `read` gives the results of the parts
   * that it comes after.
   */
  run(id: string, read: (id: string) => unknown): Promise<unknown>;
  /** Give up the parts in progress, soon and in good order, and let everything go. */
  close(): Promise<void>;
}

/** A study of a given size. */
export interface StudyPlan {
  /** Everything that decides the results, besides the seed. */
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly parts: readonly Part[];
  /** Expected time of `open`, in the units of the parts' cost. */
  readonly openingCost: number;
  /** Make ready for parts, `threads` at a time. `onProgress` gets the share that is done. */
  open(request: OpenRequest): Promise<Workshop>;
  /** Judge the claims by all results; `read` gives what `run` gave, as read back from JSON. */
  conclude(read: (id: string) => unknown): Promise<Conclusion>;
}

export interface OpenRequest {
  readonly threads: number;
  /** The study's folder, for what is too large for JSON and has to outlive an interruption. */
  readonly folder: string;
  readonly signal?: AbortSignal;
  onProgress?(share: number): void;
}

/** Experiments behind a paper's claims, made small enough for minutes on two cores. */
export interface Study {
  readonly title: string;
  /** What is done, in a few sentences. */
  readonly description: string;
  /** The size that is run unless told otherwise. */
  readonly minutes: number;
  /**
   * Which real images it looks at in the folder that it is given: certain files, where they are there (the default), a
   * data set of heads, or none.
   */
  readonly images?: "certain files" | "data set" | "none";
  plan(size: StudySize): StudyPlan;
}
