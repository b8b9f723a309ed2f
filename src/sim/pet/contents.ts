import { fail } from "../../core/errors.js";
import type { PetGeometry } from "./geometry.js";
import { binName } from "./model.js";

/**
 * What the numbers of a file of sinograms are: `counts` as a detector counts them, numbers `corrected` or averaged
 * before, `expected` counts (scatter, randoms, trues), `fractions` of photons that get through (attenuation),
 * `efficiencies` of detectors (normalisation).
 */
export type SinogramContents = "counts" | "corrected" | "expected" | "fractions" | "efficiencies";

interface Rule {
  readonly what: string;
  readonly expected: string;
  fits(value: number): boolean;
  fix?(value: number): string | undefined;
}

const rules: Readonly<Record<SinogramContents, Rule>> = {
  counts: {
    what: "the sinograms hold a number that no detector counts",
    expected: "whole numbers of 0 or more",
    fits: (value) => Number.isInteger(value) && value >= 0,
    fix: () =>
      "Give the prompts as counted, and the corrections beside them; --precorrected takes them as they are",
  },
  corrected: {
    what: "the sinograms hold a number that is none",
    expected: "finite numbers",
    fits: Number.isFinite,
  },
  expected: {
    what: "the expected counts hold a number that is not possible",
    expected: "finite numbers of 0 or more",
    fits: (value) => Number.isFinite(value) && value >= 0,
  },
  fractions: {
    what: "the attenuation factors hold a value that is not possible",
    expected: "the fraction of photons that get through, 0 to 1",
    // A hair above 1 is float32's rounding of exp(0).
    fits: (value) => value >= 0 && value <= 1 + 1e-6,
    fix: (value) => (value > 1 ? "Correction factors are the reciprocals: divide 1 by them" : undefined),
  },
  efficiencies: {
    what: "the normalisation factors hold a value that is not possible",
    expected: "efficiencies of 0 or more",
    fits: (value) => Number.isFinite(value) && value >= 0,
  },
};

/**
 * Throws `bad-data`, naming the file and the place in it, for a number that is not of this kind, and for prompts that are
 * 0 everywhere. `data` is `[slice, view, bin]` as the file has it, before anything is turned.
 */
export function requireContents(
  { data, views, bins }: Pick<PetGeometry, "views" | "bins"> & { readonly data: Float32Array },
  contents: SinogramContents,
  path: string,
): void {
  const { what, expected, fits, fix } = rules[contents];
  const bad = data.findIndex((value) => !fits(value));
  if (bad >= 0)
    fail("bad-data", {
      what,
      where: `${path}: slice ${Math.floor(bad / (views * bins))}, ${binName(bad % (views * bins), { bins })}`,
      expected,
      found: `${data[bad]}`,
      fix: fix?.(data[bad]!),
    });
  if ((contents === "counts" || contents === "corrected") && data.every((value) => value === 0))
    fail("bad-data", {
      what: "the sinograms hold no counts",
      where: path,
      expected: "at least one count",
      found: "0 in every bin",
      fix: "Check that the file is the emission scan, and its byte order, number format and scaling factor",
    });
}
