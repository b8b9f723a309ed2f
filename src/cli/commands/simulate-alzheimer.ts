import { fail } from "../../core/errors.js";
import { suggestionFor } from "../../core/suggest.js";
import { defaultStudy, evenGroups, type StudyOptions } from "../../sim/alzheimer/cohort.js";
import { type CourseName, courseNames } from "../../sim/alzheimer/course.js";
import { type WrittenStudy, writeStudy } from "../../sim/alzheimer/node.js";

/** What `gyrus simulate alzheimer` was asked for. */
export interface AlzheimerOptions {
  readonly out: string;
  readonly subjects?: number;
  readonly seed?: number;
  readonly groups?: StudyOptions["groups"];
  readonly visits?: readonly number[];
  readonly grid?: number;
  readonly spacing?: number;
  readonly sites?: number;
  readonly external?: boolean;
  readonly brainOnly?: boolean;
  readonly turned?: boolean;
}

/** Simulate a study as asked. Throws `bad-argument` for numbers that make no study. */
export function simulateAlzheimer(
  options: AlzheimerOptions,
  onProgress: (done: number, total: number) => void,
): Promise<WrittenStudy> {
  if (options.groups !== undefined && options.subjects !== undefined)
    fail("bad-argument", {
      what: "--subjects and --groups both say how many subjects there are",
      where: "--groups",
      fix: "Leave one of them out",
    });
  const grid = options.grid ?? defaultStudy.grid;
  return writeStudy(options.out, {
    ...defaultStudy,
    seed: options.seed ?? 1,
    groups: options.groups ?? evenGroups(options.subjects ?? 40),
    grid,
    // The whole brain, however many voxels it is cut into.
    spacingMm: options.spacing ?? Math.round(19200 / grid) / 100,
    ...(options.visits === undefined ? {} : { months: options.visits }),
    ...(options.sites === undefined ? {} : { sites: options.sites }),
    external: options.external === true,
    brainOnly: options.brainOnly === true,
    turned: options.turned === true,
    onProgress,
  });
}

/** `AD=50,CN=61` as numbers of subjects. Throws `bad-argument` or `not-found`. */
export function studyGroups(text: string): StudyOptions["groups"] {
  return Object.fromEntries(
    text.split(",").map((part): [string, number] => {
      const [name = "", count = "", ...rest] = part.split("=").map((piece) => piece.trim());
      if (!courseNames.includes(name as CourseName))
        fail("not-found", {
          what: `there is no group "${name}"`,
          where: "--groups",
          expected: courseNames.join(", "),
          fix: suggestionFor(name, courseNames),
        });
      if (!/^\d+$/.test(count) || rest.length > 0)
        fail("bad-argument", {
          what: "the numbers of subjects are not understood",
          where: "--groups",
          expected: "names and numbers, such as AD=50,CN=61",
          found: `"${part}"`,
        });
      return [name, Number(count)];
    }),
  );
}

/** `0,12,36` as months. Throws `bad-argument`. */
export function visitMonths(text: string): readonly number[] {
  const months = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (!months.every((m) => Number.isInteger(m)))
    fail("bad-argument", {
      what: "the months of the visits are not understood",
      where: "--visits",
      expected: "months since the first visit, such as 0,12,36",
      found: `"${text}"`,
    });
  return months;
}
