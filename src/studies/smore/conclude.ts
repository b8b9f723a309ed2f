import type { Rng } from "../../core/rng.js";
import { bootstrapMean } from "../../metrics/interval.js";
import { type Judged as Claimed, judge } from "../judge.js";
import type { Conclusion } from "../study.js";
import { ablatedMm, claimedFromMm, lecture, type Method } from "./plan.js";
import type { Evidence, Judged, Scores } from "./score.js";
import { sectionsOf } from "./sections.js";

/** Judge the claims and write the report's sections. */
export function conclude(judged: readonly Judged[], random: Rng): Conclusion {
  const thicknessesMm = [...new Set(judged.map(({ thicknessMm }) => thicknessMm))].sort((a, b) => a - b);
  const idsOf = (real: boolean): string[] =>
    [...new Set(judged.filter((one) => one.real === real).map(({ id }) => id))].sort();
  const values: Evidence["values"] = (real, method, mm, measure) =>
    idsOf(real).flatMap((id) => {
      const found = judged.find((one) => one.real === real && one.id === id && one.thicknessMm === mm);
      return found?.scores[method]?.[measure] ?? [];
    });
  const evidence: Evidence = {
    judged,
    thicknessesMm,
    values,
    mean: (real, method, mm, measure) => {
      const all = values(real, method, mm, measure);
      return bootstrapMean(
        all,
        all.map((_, n) => `${n}`),
        random.split(`${real}`, method, mm, measure),
      );
    },
  };
  const real = idsOf(true).length > 0;
  return {
    claims: [...claimsOf(evidence, false), ...(real ? claimsOf(evidence, true) : [])].map((claim) =>
      judge(claim, random),
    ),
    notes: [
      `Intervals are over ${idsOf(false).length} simulated heads${real ? ", and of the real head over the three axes along which it was thickened" : ""}: they say how steady an effect is, not how it is in people.`,
      "PSNR and SSIM are over the whole field, with the brightest voxel of the full resolution as their peak.",
      "Dice of simulated heads is the mean over cerebrospinal fluid, grey and white matter, segmented by a 3-D U-Net that has learnt on other simulated heads in full resolution, against the true labels; of the real head, for which there are none, against what the same U-Net finds in the full resolution, which calls air a fluid.",
      "The lecture's numbers are Dice of the ventricles of patients with normal-pressure hydrocephalus, after another segmentation: compare directions, not values.",
      ...(real
        ? []
        : [
            "The real head was left out: there is no t1-head/chris_t1.nii.gz in the folder of real images (--data).",
          ]),
    ],
    sections: sectionsOf(evidence, real),
  };
}

function claimsOf({ values, thicknessesMm }: Evidence, real: boolean): Claimed[] {
  const less = (a: Method, b: Method, mm: number, measure: keyof Scores): number[] => {
    const others = values(real, b, mm, measure);
    return values(real, a, mm, measure).map((value, n) => value - others[n]!);
  };
  const prefix = real ? "real-" : "";
  const where = real ? "the real head" : "simulated heads";
  const named = (mm: number): string => `${mm}`.replace(".", "-");
  const gains = thicknessesMm
    .filter((mm) => mm >= claimedFromMm)
    .flatMap((mm): Claimed[] => {
      const slices = `on ${where} in slices of ${mm} mm`;
      const [interpolated, smore] = lecture[mm] ?? [0, 0];
      return [
        {
          id: `${prefix}psnr-${named(mm)}`,
          statement: `SMORE has a higher PSNR than cubic B-splines ${slices} (dB)`,
          paper: "so claimed, without a number",
          values: less("smore", "cubic", mm, "psnrDb"),
          unit: "decibels",
          holds: { above: 0 },
        },
        {
          id: `${prefix}ssim-${named(mm)}`,
          statement: `SMORE has a higher SSIM than cubic B-splines ${slices} (points)`,
          paper: "so claimed, without a number",
          values: less("smore", "cubic", mm, "ssim"),
          unit: "points",
          holds: { above: 0 },
        },
        {
          id: `${prefix}dice-${named(mm)}`,
          statement: `SMORE has a higher Dice than cubic B-splines ${slices} (points)`,
          paper: Number((100 * (smore - interpolated)).toFixed(2)),
          values: less("smore", "cubic", mm, "dice"),
          unit: "points",
          holds: { above: 0 },
        },
      ];
    });
  const thickest = thicknessesMm.at(-1)!;
  const order: Claimed = {
    id: "full-over-smore",
    statement: `The full resolution has a higher Dice than SMORE on ${where} in slices of ${thickest} mm (points)`,
    paper: 0.92,
    values: less("full", "smore", thickest, "dice"),
    unit: "points",
    holds: { above: 0 },
  };
  const ablation = thicknessesMm
    .filter((mm) => ablatedMm.includes(mm))
    .map(
      (mm): Claimed => ({
        id: `${prefix}saa-${named(mm)}`,
        statement: `Anti-aliasing before super-resolution has a higher PSNR than super-resolution alone on ${where} in slices of ${mm} mm (dB)`,
        paper: "so claimed, without a number",
        values: less("smore", "ssr", mm, "psnrDb"),
        unit: "decibels",
        holds: { above: 0 },
      }),
    );
  // The real head's reference is the segmentation of its full resolution.
  return [...gains, ...ablation, ...(real ? [] : [order])];
}
