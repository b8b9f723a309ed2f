import { expect } from "vitest";
import type { Sweep } from "./sweep.js";
import type { Extents, Trace } from "./workload.js";

/** Ten steps in PyTorch with float64: scripts/golden/browser.py. */
export type Golden = Readonly<
  Record<Extents, { readonly losses: readonly number[]; readonly norms: Readonly<Record<string, number>> }>
>;

/**
 * How far a loss may be from PyTorch's in float64, and the norm of a parameter after ten steps, relative to it (or 1).
 * On the whole images float32 is off by up to 3e-4 after ten steps, since Adam makes steps of full length of gradients
 * that are little but rounding; on the cut ones by 3e-6.
 */
export const tolerance = { whole: { loss: 1e-3, norm: 2e-2 }, cut: { loss: 1e-4, norm: 1e-3 } } as const;

export function expectTrace({ losses, norms }: Trace, golden: Golden, extents: Extents): void {
  const { loss, norm } = tolerance[extents];
  const wantedLosses = golden[extents].losses;
  expect(losses).toHaveLength(wantedLosses.length);
  wantedLosses.forEach((wanted, at) => {
    expect(Math.abs(losses[at]! - wanted), `loss of step ${at + 1}`).toBeLessThan(loss);
  });
  // Ten steps that change nothing would agree as well.
  expect(losses.at(-1)!).toBeLessThan(0.9 * losses[0]!);
  expect(Object.keys(norms).sort()).toEqual(Object.keys(golden[extents].norms).sort());
  for (const [path, wanted] of Object.entries(golden[extents].norms))
    expect(Math.abs(norms[path]! - wanted) / Math.max(1, wanted), path).toBeLessThan(norm);
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
