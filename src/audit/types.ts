/** The two sides that a leak connects. Validation counts as held out: a network must not have seen it either. */
export type Part = "train" | "validation" | "test";

/** A side of a split: a part, or the number of a fold that is trained on while another one is held out. */
export type Side = Part | number;

/** One image as an audit knows it; whatever is not known is absent. */
export interface AuditItem {
  /** What the reader will find it by: its path, or its row in a table. */
  readonly id: string;
  readonly part: Part;
  /** Of training images: the fold of cross-validation that they belong to. Folds are held out in turn, so they are sides as well. */
  readonly fold?: number;
  readonly path?: string;
  /** Whose image it is, as the table, the data set or the file's name says. */
  readonly subject?: string;
  readonly session?: string;
  readonly diagnosis?: string;
  /** Age, sex, site and the like: text as it stands in the table. */
  readonly covariates?: Readonly<Record<string, string>>;
}

/** What is audited. */
export interface Collection {
  readonly name: string;
  /** In words: "folder of images", "table", "run". */
  readonly kind: string;
  readonly items: readonly AuditItem[];
  /** Where subjects come from, in words; absent where there are none. */
  readonly identifiers?: string;
  /** What a reader must know: rows without images, parts that were joined. */
  readonly notes: readonly string[];
}

export const categories = [
  "biased-split",
  "late-split",
  "no-independent-test",
  "confound",
  "leakage-study",
] as const;
export type Category = (typeof categories)[number];

/** One thing that is wrong, with what shows it. */
export interface Finding {
  readonly category: Category;
  /** One sentence with numbers. */
  readonly statement: string;
  /** Names, pairs, numbers: enough to look for oneself. */
  readonly evidence: readonly Evidence[];
}

export type Evidence =
  | {
      readonly kind: "pair";
      readonly held: string;
      readonly training: string;
      /** Similarity and what it means: "0.71 (0.39 is the limit)". */
      readonly words: string;
    }
  | { readonly kind: "names"; readonly what: string; readonly names: readonly string[] }
  | {
      readonly kind: "table";
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
    };

/** What one check looked at and found. */
export interface CheckResult {
  readonly check: string;
  readonly status: "found" | "clean" | "not-checked";
  /** What it can see, in one sentence. */
  readonly sees: string;
  /** What it cannot. */
  readonly blindTo: string;
  /** What was done this time: numbers, limits, why it was not checked. */
  readonly details: string;
  readonly findings: readonly Finding[];
}

/** Everything that an audit has to say; plain data. */
export interface Audit {
  readonly name: string;
  readonly kind: string;
  readonly found: boolean;
  readonly counts: Readonly<Record<Part, number>>;
  readonly identifiers: string | null;
  readonly checks: readonly CheckResult[];
  readonly notes: readonly string[];
}
