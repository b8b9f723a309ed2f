import type { DataSet } from "./dataset-types.js";
import type { Problem, VolumeFacts } from "./inspect-volume.js";

export interface FileInspection {
  readonly kind: "file";
  readonly path: string;
  readonly format: string;
  /** Absent when the file could not be read. */
  readonly facts?: VolumeFacts;
  readonly problems: readonly Problem[];
}

export interface DataSetInspection {
  readonly kind: "dataset";
  readonly path: string;
  readonly dataset: DataSet;
  readonly summary: DataSetSummary;
  readonly problems: readonly Problem[];
}

export interface DataSetSummary {
  readonly cases: number;
  readonly subjects: number;
  readonly labelled: number;
  /** Smallest, median and largest over the cases that could be read, in the canonical frame, axis by axis. */
  readonly size: readonly Spread[];
  readonly spacingMm: readonly Spread[];
  /** Volume of each label in mm³ over the labelled cases, and in how many of them it occurs. */
  readonly labels: readonly { readonly name: string; readonly volumeMm3: Spread; readonly present: number }[];
}

export type Spread = readonly [smallest: number, median: number, largest: number];
