import type { Row } from "./tables.js";

/** One set of images to be read together, with or without a label map. */
export interface Case {
  readonly id: string;
  /** Cases of one subject never fall on both sides of a split. */
  readonly subject: string;
  readonly session?: string;
  /** One path per channel, or one 4-D file. */
  readonly images: readonly string[];
  readonly label?: string;
}

export interface LabelName {
  /** The class as networks know it: 1, 2, 3 and so on. */
  readonly value: number;
  readonly name: string;
}

/** A target made of several classes, as in tumours whose parts lie inside each other. */
export interface Region {
  readonly name: string;
  /** The classes that it is made of. */
  readonly classes: readonly number[];
  /** The class that a label map gets where this region is found; null for one that is never painted. */
  readonly paintedAs: number | null;
}

/** A data set, whatever its layout: plain data that can be recorded. */
export interface DataSet {
  readonly kind: "msd" | "bids" | "pairs";
  readonly name: string;
  readonly root: string;
  readonly channels: readonly string[];
  /** The classes without background. Empty where nothing is segmented. */
  readonly labels: readonly LabelName[];
  /** What class 0 is: "background", unless somebody gave the stored value 0 a name (the membrane of EM images). */
  readonly background: string;
  /**
   * What label files hold for each class, `labelValues[0]` for background: mostly 0, 1, 2, …, but 0, 255 in a
   * black-and-white mask or 0, 17, 53 in a FreeSurfer map. Predictions are written with these values again.
   */
  readonly labelValues: readonly number[];
  /** nnU-Net: overlapping targets instead of the classes, in the order in which they are painted over each other. */
  readonly regions?: readonly Region[];
  /** nnU-Net: the class of voxels that nobody labelled, one above the last; it stands last in `labelValues`. */
  readonly ignoredClass?: number;
  readonly dimensions: 2 | 3;
  /** True for slices of one stack in their order: neighbours resemble each other and are held out together. */
  readonly stack: boolean;
  readonly cases: readonly Case[];
  /** `participants.tsv` of a BIDS data set. */
  readonly participants?: readonly Row[];
}

export interface DataSetOptions {
  /** Which images are the channels; BIDS: suffixes with their entities, as in `T1w` or `ce-gadolinium_T1w`. */
  readonly channels?: readonly string[];
  /** Names of labels by their stored value, where the data set has no table or to override it. */
  readonly labels?: Readonly<Record<number, string>>;
  /** BIDS: which folder of `derivatives/` holds the segmentations, where there are several. */
  readonly derivative?: string;
  /** BIDS: the `desc-` or `label-` entity of the segmentation, where a case has several. */
  readonly segmentation?: string;
}
