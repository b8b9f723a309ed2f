import type { Plan } from "../../tasks/segmentation/nnunet/plan.js";
import { explainPlan } from "../../tasks/segmentation/nnunet/words.js";
import { type Kind, type KindExtent, kindTitles } from "./plan.js";
import type { Check } from "./vectors.js";

/** What was planned for a kind of data, and whether that is what the rules ask for. */
export interface Planned {
  readonly kind: Kind;
  readonly checks: readonly Check[];
  /** As `gyrus plan` says it. */
  readonly because: readonly { readonly choice: string; readonly because: string }[];
}

/** Put a plan beside what follows by hand from the way that the kind was simulated. */
export function judgePlan(kind: Kind, plan: Plan, own: KindExtent): Planned {
  const yes = (value: boolean): string => (value ? "yes" : "no");
  const check = (what: string, expected: string, found: string): Check => ({
    of: kindTitles[kind],
    what,
    expected,
    found,
    agrees: expected === found,
  });
  const { "2d": flat, "3d_fullres": full, "3d_lowres": coarse } = plan.configurations;
  const mm = own.spacingMm;
  const thick = kind === "thick";
  const expectedSpacing = [mm[2], mm[1], mm[0]];
  const rounded = (values: readonly number[]): string => values.map((n) => Number(n.toFixed(3))).join("x");
  const product = (values: readonly number[]): number => values.reduce((a, b) => a * b, 1);
  const divisor = full!.strides.reduce((all, stride) => all.map((n, axis) => n * stride[axis]!), [1, 1, 1]);
  const share = product(full!.patch) / product(full!.medianSize);
  const wantsCascade = kind === "context";
  const normalisation = kind === "lesion" ? "zscore within the mask" : "zscore";
  return {
    kind,
    because: explainPlan(plan).map(({ choice, because }) => ({ choice, because })),
    checks: [
      check("voxels, mm", rounded(expectedSpacing), rounded(full!.spacingMm)),
      check("planes of the 2-D network, mm", rounded(expectedSpacing.slice(1)), rounded(flat!.spacingMm)),
      check(
        "normalisation of every channel",
        normalisation,
        [
          ...new Set(
            plan.channels.map(({ scheme, withinMask }) => `${scheme}${withinMask ? " within the mask" : ""}`),
          ),
        ].join(", "),
      ),
      check("first kernel", thick ? "1x3x3" : "3x3x3", full!.kernels[0]!.join("x")),
      check("first halving", thick ? "1x2x2" : "2x2x2", full!.strides[1]!.join("x")),
      check("augmented in planes", yes(thick), yes(full!.planarAugmentation)),
      check(
        "patch divided by all halvings",
        "yes",
        yes(full!.patch.every((n, axis) => n % divisor[axis]! === 0)),
      ),
      check("patch covers a quarter of the image", yes(!wantsCascade), yes(share >= 0.25)),
      check("coarse stage and cascade", yes(wantsCascade), yes(coarse !== undefined)),
      ...(coarse === undefined
        ? []
        : [
            check(
              "the coarse stage's patch covers a quarter",
              "yes",
              yes(product(coarse.patch) / product(coarse.medianSize) >= 0.249),
            ),
          ]),
    ],
  };
}
