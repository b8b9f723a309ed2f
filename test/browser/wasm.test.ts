import { afterAll, describe, expect, it } from "vitest";
import { cpu } from "../../src/lower/cpu.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { readGolden } from "../golden/golden.js";
import { openPage } from "./open.js";
import { expectAgreement, expectTrace, type Golden } from "./parity.js";
import { trainThin } from "./workload.js";

const golden = readGolden<Golden>("browser");
const opened = await openPage();
const title =
  "reason" in opened ? `WebAssembly, skipped because of the browser: ${opened.reason}` : "WebAssembly";
afterAll(async () => {
  if (!("reason" in opened)) await opened.close();
});

describe("the benchmark's 3-D U-Net, thin, ten steps", () => {
  it.each(["whole", "cut"] as const)("%s: on the processor as in PyTorch", async (extents) => {
    expectTrace(await trainThin(nodeCpu, cpu, extents, 2), golden, extents);
  });
});

describe.skipIf("reason" in opened)(title, () => {
  const { page, call } = opened as Exclude<typeof opened, { reason: string }>;

  it("runs in a page that shares memory between threads", async () => {
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  });

  it.each(["whole", "cut"] as const)(
    "trains the thin U-Net, %s, on two threads as PyTorch does",
    { timeout: 180_000 },
    async (extents) => {
      const found = await call("runTraining", "wasm", extents);
      expectTrace(found, golden, extents);
    },
  );

  it("gives every op of the table the value and gradients of the plain loops", async () => {
    const found = await call("runSweep", "wasm");
    expectAgreement(found, () => 2e-5);
  });
});
