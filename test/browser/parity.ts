import { expect } from "vitest";
import type { Sweep } from "./sweep.js";
import type { Trace } from "./workload.js";

/** Ten steps in PyTorch with float64: scripts/golden/browser.py. */
export interface GoldenTrace {
  readonly losses: readonly number[];
  readonly norms: Readonly<Record<string, number>>;
}

/**
 * How far a back end may be from PyTorch in float64: a loss, in itself; a parameter's norm after ten steps, relative to
 * it (or 1). Both grow with the number of voxels whose rounding errors Adam makes visible in the parameters that hardly
 * matter.
 */
export const tolerance = { loss: 2e-4, norm: 2e-2 } as const;

export function expectTrace({ losses, norms }: Trace, golden: GoldenTrace): void {
  expect(losses).toHaveLength(golden.losses.length);
  golden.losses.forEach((wanted, at) => {
    expect(Math.abs(losses[at]! - wanted), `loss of step ${at + 1}`).toBeLessThan(tolerance.loss);
  });
  // Ten steps that change nothing would agree as well.
  expect(losses.at(-1)!).toBeLessThan(0.9 * losses[0]!);
  expect(Object.keys(norms).sort()).toEqual(Object.keys(golden.norms).sort());
  for (const [path, wanted] of Object.entries(golden.norms))
    expect(Math.abs(norms[path]! - wanted) / Math.max(1, wanted), path).toBeLessThan(tolerance.norm);
}

export function expectAgreement(
  { errors, refused, broken }: Sweep,
  tolerated: (result: string) => number,
): void {
  expect(refused).toEqual({});
  expect(broken).toEqual({});
  expect(Object.keys(errors).length).toBeGreaterThan(200);
  const off = Object.entries(errors).filter(([name, error]) => !(error < tolerated(name)));
  expect(off).toEqual([]);
}
