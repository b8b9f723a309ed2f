import { type Judged, judge } from "../judge.js";
import type { Conclusion, ShownClaim } from "../study.js";
import { type Evidence, judgedOf, meanOf, pairedByPhantom, type SliceSet } from "./outcome.js";
import { type LevelName, levels, type Method, paperFigures, type Rival, rivals, titles } from "./plan.js";
import { sectionsOf } from "./sections.js";

/** Judge the paper's claims and write the report's sections. */
export function conclude(evidence: Evidence): Conclusion {
  const { random } = evidence;
  const claims = [
    ...levels.flatMap(({ name }) => rivals.map((rival) => errorClaim(evidence, "test", name, rival))),
    orderClaim(evidence),
    gapClaim(evidence),
    ...rivals.flatMap((rival) => qualityClaims(evidence, rival)),
    ...rivals.map((rival) => speedClaim(evidence, rival)),
    ...unseenClaims(evidence),
  ].map((claim): ShownClaim => judge(claim, random));
  return {
    claims,
    notes: [...notesOf(evidence), ...claims.map(sentenceOf)],
    sections: sectionsOf(evidence),
  };
}

const countsOf = (level: LevelName): string =>
  `${levels
    .find(({ name }) => name === level)!
    .counts.toExponential(0)
    .replace("e+", "e")} prompts a slice`;

/** How much lower DeepPET's error is: a fraction of the other's. */
const lower = (ours: { rRMSE: number }, theirs: { rRMSE: number }): number => 1 - ours.rRMSE / theirs.rRMSE;

function errorClaim(evidence: Evidence, set: SliceSet, level: LevelName, rival: Rival): Judged {
  const where = set === "test" ? "" : " on slices of real images, of which nothing was learnt";
  const tuned = rival === "osem" ? "OSEM with tuned iterations and filter" : "tuned FBP";
  return {
    id: `${set === "test" ? "" : "unseen-"}rrmse-${rival}-${level}`,
    statement: `At ${level} counts (${countsOf(level)}) DeepPET's rRMSE is lower than that of ${tuned}${where} (percent lower)`,
    paper: set === "test" ? paperFigures[rival].rRMSE : "real scans, without truth: less noisy than OSEM",
    values: pairedByPhantom(evidence, set, level, rival, lower),
    unit: "percent",
    holds: { above: 0 },
  };
}

function orderClaim(evidence: Evidence): Judged {
  const against = (rival: Rival) =>
    pairedByPhantom(evidence, "test", "clinical", rival, (_, theirs) => theirs.rRMSE);
  const [osem, fbp] = [against("osem"), against("fbp")];
  return {
    id: "rrmse-osem-fbp",
    statement: "Tuned OSEM's rRMSE is lower than tuned FBP's at clinical counts (percent lower)",
    paper: "47 %, from its two figures",
    values: osem.map((error, n) => 1 - error / fbp[n]!),
    unit: "percent",
    holds: { above: 0 },
  };
}

function gapClaim(evidence: Evidence): Judged {
  const at = (level: LevelName): number[] => pairedByPhantom(evidence, "test", level, "osem", lower);
  const high = at("high");
  return {
    id: "gap-low-high",
    statement: "DeepPET's lead over OSEM is larger at low than at high counts (percentage points of rRMSE)",
    paper: "not told by counts",
    values: at("low").map((lead, n) => lead - high[n]!),
    unit: "points",
    holds: { above: 0 },
  };
}

function qualityClaims(evidence: Evidence, rival: Rival): Judged[] {
  const than = `than with ${titles[rival]} at clinical counts`;
  return [
    {
      id: `ssim-${rival}`,
      statement: `SSIM is higher ${than} (percent higher)`,
      paper: paperFigures[rival].ssim,
      values: pairedByPhantom(
        evidence,
        "test",
        "clinical",
        rival,
        (ours, theirs) => ours.ssim / theirs.ssim - 1,
      ),
      unit: "percent",
      holds: { above: 0 },
    },
    {
      id: `psnr-${rival}`,
      statement: `PSNR is higher ${than} (dB)`,
      paper: paperFigures[rival].psnrDb,
      values: pairedByPhantom(
        evidence,
        "test",
        "clinical",
        rival,
        (ours, theirs) => ours.psnrDb - theirs.psnrDb,
      ),
      unit: "decibels",
      holds: { above: 0 },
    },
  ];
}

function speedClaim({ time: { milliseconds } }: Evidence, rival: Rival): Judged {
  return {
    id: `faster-${rival}`,
    statement: `DeepPET takes less time for a slice than ${titles[rival]} as tuned for clinical counts, both on one thread of a processor (times faster)`,
    paper: paperFigures[rival].faster,
    values: milliseconds[rival].map((one, n) => one / milliseconds.deeppet[n]!),
    unit: "times",
    holds: { above: 1 },
  };
}

function unseenClaims(evidence: Evidence): Judged[] {
  if (judgedOf(evidence, "unseen").phantoms.length === 0) return [];
  return levels.map(({ name }) => errorClaim(evidence, "unseen", name, "osem"));
}

/** "Holds" or not, in words, one sentence for each claim. */
function sentenceOf({ statement, holds, shown }: ShownClaim): string {
  const plain = statement.replace(/ \([^()]*\)$/, "");
  return `${holds ? "Holds here" : "Does not hold here"}: ${plain}. Paper: ${shown.paper}; here ${shown.ours} (${shown.interval}).`;
}

function notesOf(evidence: Evidence): string[] {
  const rRMSE = (level: LevelName, method: Method): number =>
    meanOf(evidence, "test", level, method, "rRMSE").mean;
  const lost = levels.filter(({ name }) => rRMSE(name, "deeppet") >= rRMSE(name, "osem"));
  const turn =
    lost.length === 0
      ? `The order DeepPET, OSEM does not turn between ${countsOf("low")} and ${countsOf("high")}.`
      : lost.length === levels.length
        ? "DeepPET is behind tuned OSEM at every count level."
        : `The order turns: OSEM has the lower mean rRMSE at ${lost.map(({ name }) => `${name} counts`).join(" and ")}.`;
  const { phantoms } = judgedOf(evidence, "test");
  const images = new Set(judgedOf(evidence, "unseen").phantoms).size;
  return [
    turn,
    images === 0
      ? "REAL IMAGES WERE NOT TRIED: the folder with templates-spm and pet-receptor-maps was not given or is not there (--data)."
      : `${images} real images, of which nothing was learnt, were tried as well.`,
    `Intervals are over ${new Set(phantoms).size} held-out phantoms (of real images: over images); of times, over slices.`,
  ];
}
