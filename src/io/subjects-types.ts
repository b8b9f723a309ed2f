import type { Grid } from "../volume/volume.js";
import type { Row } from "./tables.js";

/** What the columns are called. Those left out have BIDS's usual names. */
export interface SubjectColumns {
  /** Default `participant_id`, else `subject`, `subject_id`, `id`. */
  readonly subject?: string;
  /** Default `session_id`, else `session`. */
  readonly session?: string;
  /** Plain tables: path of the image, relative to the table. Default `image`, else `path`, `filename`, `file`. */
  readonly image?: string;
  /** Default `diagnosis`. */
  readonly diagnosis?: string;
  /** Years at the session. Default `age`, where there is one. */
  readonly age?: string;
  /** Default `sex`, else `gender`, where there is one. */
  readonly sex?: string;
  /** Default `site`, where there is one. */
  readonly site?: string;
}

export interface SubjectsOptions {
  readonly columns?: SubjectColumns;
  /** What the values of the diagnosis column mean: `{ "0": "CN", "0.5": "AD" }`; "" leaves rows out. */
  readonly map?: Readonly<Record<string, string>>;
  /** The diagnoses to keep, in the order of the classes; the first is the negative one. Default: all there are. */
  readonly classes?: readonly string[];
  /** BIDS: which images, by suffix with its entities: `T1w`, `ce-gadolinium_T1w`. Default `T1w`. */
  readonly suffix?: string;
  /** BIDS: take the images from this derivative (as `derivatives/NAME`); the tables stay the raw ones. */
  readonly derivative?: string;
  /** Rows with missing values or images: an error, or leave them out and count them. Default "refuse". */
  readonly missing?: "refuse" | "omit";
  /** Throw where a class has fewer subjects than this. Default 1. */
  readonly folds?: number;
  /** One class is no error: a table for prediction. Default false. */
  readonly oneClass?: boolean;
}

/** One image of one person at one time. */
export interface SubjectRow {
  /** `sub-01` or `sub-01_ses-M12`. */
  readonly id: string;
  /** Rows of one subject never fall on both sides of a split. */
  readonly subject: string;
  readonly session?: string;
  readonly image: string;
  readonly diagnosis: string;
  readonly ageYears?: number;
  /** Months since the first session, where the table has a column `months`. */
  readonly months?: number;
  readonly sex?: "F" | "M";
  readonly site?: string;
  /** All fields of the row by column name, the session's above the participant's. */
  readonly fields: Row;
}

/** Rows that were checked: one grid, one kind of image, known diagnoses. */
export interface SubjectTable {
  readonly source: string;
  /** Path of the table that says who is in it. */
  readonly table: string;
  readonly rows: readonly SubjectRow[];
  /** Diagnoses in the order of the classes. */
  readonly classes: readonly string[];
  /** The images' BIDS suffix, "image" where names do not say. */
  readonly modality: string;
  /** Size and voxels of all images; the affine is the first image's. */
  readonly grid: Grid;
  /** True where all affines agree: voxel i of one image is voxel i of all. */
  readonly aligned: boolean;
  /** How many rows were left out: other diagnoses, or missing values where those may be omitted. */
  readonly omitted: number;
}
