import { afterAll, describe, expect, it } from "vitest";
import { readGolden } from "../golden/golden.js";
import { openPage } from "./open.js";
import { expectAgreement, expectTrace, type Golden } from "./parity.js";

const golden = readGolden<Golden>("browser");
const opened = await openPage();
const reason =
  "reason" in opened
    ? opened.reason
    : opened.gpu
      ? undefined
      : "this one has no WebGPU adapter, not even in software";
const title = reason === undefined ? "WebGPU" : `WebGPU, skipped because of the browser: ${reason}`;
afterAll(async () => {
  if (!("reason" in opened)) await opened.close();
});

describe.skipIf(reason !== undefined)(title, () => {
  const { call } = opened as Exclude<typeof opened, { reason: string }>;

  // The adapter in software takes four seconds for a step of the whole images on two cores of its own.
  it.each(["whole", "cut"] as const)(
    "trains the thin U-Net, %s, as PyTorch does",
    { timeout: 480_000 },
    async (extents) => {
      const found = await call("runTraining", "webgpu", extents);
      expectTrace(found, golden, extents);
    },
  );

  it("gives every op of the table the value and gradients of the plain loops", {
    timeout: 180_000,
  }, async () => {
    const found = await call("runSweep", "webgpu");
    // WebGPU asks no more of a sine than an error of 2^-11 (WGSL, accuracy of built-in functions).
    expectAgreement(found, (name) => (/^\d+ (sin|cos)\b/.test(name) ? 2 ** -11 : 2e-5));
  });

  it("names the op, the target and the way around before any work", async () => {
    const words = await call("refuseDouble");
    expect(words).toMatch(/the target "webgpu" cannot run the op.*cast/);
    expect(words).toContain("Stay with float32, or run on the processor");
  });
});
