import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { reproduce } from "../../src/studies/run.node.js";
import { conclude } from "../../src/studies/smore/conclude.js";
import { onCommon, thickenHead } from "../../src/studies/smore/data.js";
import { methods, thicknessesMm, titles } from "../../src/studies/smore/plan.js";
import { cutOf, type Judged, meanDice } from "../../src/studies/smore/score.js";
import { claimsSchema } from "../../src/studies/study.js";
import { smore } from "../../src/systems/smore.js";
import { scalingAffine } from "../../src/volume/affine.js";
import { toIsotropic } from "../../src/volume/isotropic.js";
import type { LabelVolume } from "../../src/volume/volume.js";
import { shells } from "../tasks/superresolution/data.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gyrus-smore-study-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = async (name: string, signal?: AbortSignal, resume = false) =>
  reproduce(smore, await smore.study!(), {
    outDir: join(folder, name),
    seed: 1,
    minutes: 0.1,
    threads: 2,
    resume,
    ...(signal === undefined ? {} : { signal }),
  });

describe("the study of SMORE", () => {
  it("judges every claim, shows every method, and ends the same after an interruption", async () => {
    const whole = await run("whole");
    expect(whole.finished).toBe(true);
    const claims = claimsSchema.parse(JSON.parse(await readFile(join(folder, "whole/claims.json"), "utf8")));
    expect(claims.map(({ id }) => id)).toEqual([
      "psnr-3-856",
      "ssim-3-856",
      "dice-3-856",
      "saa-3-856",
      "full-over-smore",
    ]);
    expect(claims.find(({ id }) => id === "dice-3-856")?.paper).toBe(1.08);
    const page = await readFile(join(folder, "whole/report.html"), "utf8");
    for (const method of methods) expect(page).toContain(titles[method]);
    expect(page).toContain("The real head was left out");

    const controller = new AbortController();
    setTimeout(() => controller.abort(), 2500);
    const first = await run("parts", controller.signal);
    const second = first.finished ? first : await run("parts", undefined, true);
    expect(second.claims).toEqual(whole.claims);
  }, 240_000);

  it("compares voxel by voxel: what comes back lies on the head, whatever the thickness", () => {
    const head = { ...shells("study", [36, 36, 41]), affine: scalingAffine([0.88, 0.88, 0.88]) };
    for (const mm of thicknessesMm)
      for (const axis of [0, 2] as const) {
        const { thick, common } = thickenHead(head, axis, mm);
        const near = onCommon(toIsotropic(thick, { method: "nearest", targetMm: 0.88 }), common);
        const own = onCommon(head, common);
        expect(near.size).toEqual(common.size);
        expect(common.size[axis]).toBeGreaterThan(head.size[axis] - 6);
        // The head's own voxels, moved by whole ones.
        const shift = Math.round((common.affine[3 + 4 * axis]! - head.affine[3 + 4 * axis]!) / 0.88);
        const at = ([i, j, k]: number[]) => own.data[(k! * common.size[1] + j!) * common.size[0] + i!]!;
        const place = [5, 6, 7];
        const moved = place.map((n, a) => n + (a === axis ? shift : 0)) as [number, number, number];
        expect(at(place)).toBe(head.data[(moved[2] * 36 + moved[1]) * 36 + moved[0]]);
      }
  });

  it("compares tissues over all three, and cuts a square out of the middle", () => {
    const size = [10, 10, 4] as const;
    const grid = { size, affine: scalingAffine([1, 1, 1]), channels: 1 };
    const classes: LabelVolume = { ...grid, data: Uint8Array.from({ length: 400 }, (_, v) => v % 4) };
    const other: LabelVolume = { ...classes, data: classes.data.map((label) => (label === 3 ? 0 : label)) };
    expect(meanDice(classes, other)).toBeCloseTo(2 / 3, 12);
    const image = { ...grid, data: Float32Array.from({ length: 400 }, (_, v) => v + 0.2) };
    const { edge, values } = cutOf(image, 2);
    expect(edge).toBe(4);
    expect(values[0]).toBe(0 * 100 + 5 * 10 + 3);
  });

  it("asks of SMORE to be ahead of cubic B-splines from 2 mm on: in every claim, or it does not hold", () => {
    const judged = (gain: number): Judged[] =>
      ["a", "b", "c"].flatMap((id, n) =>
        thicknessesMm.map((thicknessMm): Judged => {
          const scores = (more: number) => ({ psnrDb: 30 + n + more, ssim: 0.8 + more, dice: 0.9 + more });
          return {
            id,
            real: false,
            thicknessMm,
            scores: {
              linear: scores(-1),
              cubic: scores(0),
              fourier: scores(0),
              ssr: scores(gain / 2),
              smore: scores(gain),
              full: { psnrDb: null, ssim: null, dice: 0.95 + n },
            },
          };
        }),
      );
    const better = conclude(judged(0.01), rng(1)).claims;
    expect(better).toHaveLength(15);
    expect(better.every(({ holds }) => holds)).toBe(true);
    const worse = conclude(judged(-0.01), rng(1)).claims;
    expect(worse.filter(({ holds }) => holds).map(({ id }) => id)).toEqual(["full-over-smore"]);
  });
});
