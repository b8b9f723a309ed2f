import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openPredictor, predictVolume } from "../../src/index.js";
import { nodeFiles } from "../../src/io/node.js";
import { cpu } from "../../src/lower/cpu.js";
import { nodeCpu } from "../../src/runtime/node.js";
import { exportPredictor } from "../../src/tasks/segmentation/nnunet/export.node.js";
import { readGolden } from "../golden/golden.js";
import { levels, modelFor, writeFold } from "../tasks/nnunet/trained.js";
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

  it("segments a scan with an exported nnU-Net as Node does", async () => {
    const folder = await mkdtemp(join(tmpdir(), "nnunet-page-"));
    const run = await writeFold(folder, modelFor("3d_fullres"), 0);
    await exportPredictor({ runDir: run, out: join(folder, "exported") });
    const files: Record<string, number[]> = {};
    for (const name of await readdir(join(folder, "exported")))
      files[name] = [...(await readFile(join(folder, "exported", name)))];
    const { scan } = levels("page");
    const found = await call("runPredictor", "wasm", files, {
      data: [...scan.data],
      size: scan.size,
      affine: scan.affine,
    });
    const predictor = await openPredictor(nodeFiles, join(folder, "exported"), nodeCpu);
    const { data } = await predictVolume(predictor, scan);
    await predictor.close();
    await rm(folder, { recursive: true });
    // Sums are rounded in another order: one voxel in a thousand may sit on the fence.
    const other = found.filter((value, at) => value !== data[at]).length;
    expect(found).toHaveLength(data.length);
    expect(other).toBeLessThanOrEqual(data.length / 1000);
    expect(new Set(found)).toEqual(new Set([0, 3, 7]));
  });

  it("gives every op of the table the value and gradients of the plain loops", async () => {
    const found = await call("runSweep", "wasm");
    expectAgreement(found, () => 2e-5);
  });
});
