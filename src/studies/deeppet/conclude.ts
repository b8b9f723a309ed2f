import { type Judged, judge } from "../judge.js";
import type { Conclusion, ShownClaim } from "../study.js";
import { type Evidence, judgedOf, meanOf, pairedByPhantom, type SliceSet } from "./outcome.js";
import {
  type LevelName,
  levels,
  type Method,
  type NetworkMethod,
  networkMethods,
  paperFigures,
  type Rival,
  rivals,
  titles,
} from "./plan.js";
import { sectionsOf } from "./sections.js";

/** Judge the paper's claims and write the report's sections. */
export function conclude(evidence: Evidence): Conclusion {
  const { random } = evidence;
  const claims = [
    ...networkMethods.flatMap((network) => claimsOf(evidence, network)),
    orderClaim(evidence),
  ].map((claim): ShownClaim => judge(claim, random));
  return {
    claims,
    notes: [...notesOf(evidence), ...claims.map(sentenceOf)],
    sections: sectionsOf(evidence),
  };
}

/** The paper's claims, of DeepPET or of the network that improves backprojections. */
function claimsOf(evidence: Evidence, network: NetworkMethod): Judged[] {
  return [
    ...levels.flatMap(({ name }) =>
      rivals.map((rival) => errorClaim(evidence, network, "test", name, rival)),
    ),
    gapClaim(evidence, network),
    ...rivals.flatMap((rival) => qualityClaims(evidence, network, rival)),
    ...rivals.map((rival) => speedClaim(evidence, network, rival)),
    ...(judgedOf(evidence, "unseen").phantoms.length === 0
      ? []
      : levels.map(({ name }) => errorClaim(evidence, network, "unseen", name, "osem"))),
  ];
}

/** The start of the ids of a network's claims. */
const prefixOf = (network: NetworkMethod): string => (network === "deeppet" ? "" : `${network}-`);

const countsOf = (level: LevelName): string =>
  `${levels
    .find(({ name }) => name === level)!
    .counts.toExponential(0)
    .replace("e+", "e")} prompts a slice`;

/** How much lower DeepPET's error is: a fraction of the other's. */
const lower = (ours: { rRMSE: number }, theirs: { rRMSE: number }): number => 1 - ours.rRMSE / theirs.rRMSE;

function errorClaim(
  evidence: Evidence,
  network: NetworkMethod,
  set: SliceSet,
  level: LevelName,
  rival: Rival,
): Judged {
  const where = set === "test" ? "" : " on slices of real images, of which nothing was learnt";
  const tuned = rival === "osem" ? "OSEM with tuned iterations and filter" : "tuned FBP";
  return {
    id: `${prefixOf(network)}${set === "test" ? "" : "unseen-"}rrmse-${rival}-${level}`,
    statement: `At ${level} counts (${countsOf(level)}) the rRMSE of ${titles[network]} is lower than that of ${tuned}${where} (percent lower)`,
    paper: set === "test" ? paperFigures[rival].rRMSE : "real scans, without truth: less noisy than OSEM",
    values: pairedByPhantom(evidence, set, level, network, rival, lower),
    unit: "percent",
    holds: { above: 0 },
  };
}

function orderClaim(evidence: Evidence): Judged {
  const against = (rival: Rival) =>
    pairedByPhantom(evidence, "test", "clinical", "deeppet", rival, (_, theirs) => theirs.rRMSE);
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

function gapClaim(evidence: Evidence, network: NetworkMethod): Judged {
  const at = (level: LevelName): number[] => pairedByPhantom(evidence, "test", level, network, "osem", lower);
  const high = at("high");
  return {
    id: `${prefixOf(network)}gap-low-high`,
    statement: `The lead of ${titles[network]} over OSEM is larger at low than at high counts (percentage points of rRMSE)`,
    paper: "not told by counts",
    values: at("low").map((lead, n) => lead - high[n]!),
    unit: "points",
    holds: { above: 0 },
  };
}

function qualityClaims(evidence: Evidence, network: NetworkMethod, rival: Rival): Judged[] {
  const than = `than with ${titles[rival]} at clinical counts`;
  return [
    {
      id: `${prefixOf(network)}ssim-${rival}`,
      statement: `The SSIM of ${titles[network]} is higher ${than} (percent higher)`,
      paper: paperFigures[rival].ssim,
      values: pairedByPhantom(
        evidence,
        "test",
        "clinical",
        network,
        rival,
        (ours, theirs) => ours.ssim / theirs.ssim - 1,
      ),
      unit: "percent",
      holds: { above: 0 },
    },
    {
      id: `${prefixOf(network)}psnr-${rival}`,
      statement: `The PSNR of ${titles[network]} is higher ${than} (dB)`,
      paper: paperFigures[rival].psnrDb,
      values: pairedByPhantom(
        evidence,
        "test",
        "clinical",
        network,
        rival,
        (ours, theirs) => ours.psnrDb - theirs.psnrDb,
      ),
      unit: "decibels",
      holds: { above: 0 },
    },
  ];
}

function speedClaim({ time: { milliseconds } }: Evidence, network: NetworkMethod, rival: Rival): Judged {
  return {
    id: `${prefixOf(network)}faster-${rival}`,
    statement: `${titles[network]} takes less time for a slice than ${titles[rival]} as tuned for clinical counts, both on one thread of a processor (times faster)`,
    paper: paperFigures[rival].faster,
    values: milliseconds[rival].map((one, n) => one / milliseconds[network][n]!),
    unit: "times",
    holds: { above: 1 },
  };
}

/** "Holds" or not, in words, one sentence for each claim. */
function sentenceOf({ statement, holds, shown }: ShownClaim): string {
  const plain = statement.replace(/ \([^()]*\)$/, "");
  return `${holds ? "Holds here" : "Does not hold here"}: ${plain}. Paper: ${shown.paper}; here ${shown.ours} (${shown.interval}).`;
}

function notesOf(evidence: Evidence): string[] {
  const rRMSE = (level: LevelName, method: Method): number =>
    meanOf(evidence, "test", level, method, "rRMSE").mean;
  const turns = networkMethods.map((network) => {
    const lost = levels.filter(({ name }) => rRMSE(name, network) >= rRMSE(name, "osem"));
    if (lost.length === 0)
      return `${titles[network]} stays ahead of tuned OSEM from ${countsOf("low")} to ${countsOf("high")}: the order does not turn.`;
    return lost.length === levels.length
      ? `${titles[network]} is behind tuned OSEM at every count level.`
      : `For ${titles[network]} the order turns: OSEM has the lower mean rRMSE at ${lost.map(({ name }) => `${name} counts`).join(" and ")}.`;
  });
  const { phantoms } = judgedOf(evidence, "test");
  const images = new Set(judgedOf(evidence, "unseen").phantoms).size;
  return [
    ...turns,
    images === 0
      ? "REAL IMAGES WERE NOT TRIED: the folder with templates-spm and pet-receptor-maps was not given or is not there (--data)."
      : `${images} real images, of which nothing was learnt, were tried as well.`,
    `Intervals are over ${new Set(phantoms).size} held-out phantoms (of real images: over images); of times, over slices.`,
  ];
}
