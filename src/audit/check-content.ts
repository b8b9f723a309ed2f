import type { Description } from "./describe.js";
import { fewestImages } from "./limit.js";
import { type Match, type Matching, matchContent } from "./match.js";
import type { AuditItem, CheckResult, Evidence, Finding } from "./types.js";

/** An image with what was seen in it; `values` absent where there is nothing to see. */
export interface Seen {
  readonly item: AuditItem;
  /** SHA-256 of the voxels and the size: equal for equal images, whatever the file. */
  readonly digest: string;
  readonly description?: Description;
}

export interface ContentOptions {
  /** Probability of one or more wrong matches between different heads in the whole collection. */
  readonly falseAlarms: number;
  /** Look for mirror images as well. */
  readonly mirror: boolean;
}

/** Two images to be shown side by side. */
export interface ShownPair {
  readonly held: Seen;
  readonly training: Seen;
  readonly words: string;
  readonly mirrored: boolean;
}

const about = {
  check: "one head on both sides, by the images themselves",
  sees: "equal images; copies that are shifted, turned by less than 45 degrees (volumes: some degrees), scaled, brighter, noisier, recompressed or mirrored; neighbouring slices of one head; repeated scans and visits whose gyri still look alike",
  blindTo:
    "slices of one head that lie far apart, patches that show different places of one head, visits between which a head has changed much, and a slice in one file beside the whole volume in another",
} as const;

/** Biased split by content: see `matchContent`. The pairs are those that a report shows. */
export function checkContent(
  seen: readonly Seen[],
  { falseAlarms, mirror }: ContentOptions,
): { readonly result: CheckResult; readonly pairs: readonly ShownPair[] } {
  if (seen.length === 0)
    return {
      result: { ...about, status: "not-checked", details: "There are no images to look at.", findings: [] },
      pairs: [],
    };
  const equal = equalImages(seen);
  const visible = seen.filter((one) => one.description !== undefined);
  const comparables = visible.map(({ item, description }) => ({
    part: item.part,
    ...(item.subject === undefined ? {} : { subject: item.subject }),
    kind: description!.kind,
    values: description!.values,
  }));
  const matchings = matchContent(comparables, { falseAlarms, mirror });
  const findings: Finding[] = [];
  const pairs: ShownPair[] = [...equal.pairs];
  if (equal.findings.length > 0) findings.push(...equal.findings);
  for (const matching of matchings) {
    const shown = matching.best.map((match) => shownPair(visible, match, matching));
    if (matching.best.length > 0) findings.push(similarFinding(visible, matching, shown));
    pairs.push(...shown.filter(({ held }) => !equal.pairs.some((pair) => pair.held === held)));
  }
  const tooFew = matchings.every(({ limit }) => limit === undefined);
  const blank = seen.length - visible.length;
  const details = [
    ...matchings.map(describeMatching),
    ...(blank > 0 ? [`${blank} images without a head in them were compared for equality alone.`] : []),
    ...(tooFew
      ? [
          `With fewer than ${fewestImages} images of a kind on two sides, or images of one subject alone, only equality is checked.`,
        ]
      : []),
  ].join(" ");
  return {
    result: { ...about, status: findings.length > 0 ? "found" : "clean", details, findings },
    pairs,
  };
}

function equalImages(seen: readonly Seen[]): {
  readonly findings: readonly Finding[];
  readonly pairs: readonly ShownPair[];
} {
  const training = new Map<string, Seen>();
  const rank = { train: 0, validation: 1, test: 2 } as const;
  const sorted = [...seen].sort((a, b) => rank[a.item.part] - rank[b.item.part]);
  const pairs: ShownPair[] = [];
  for (const one of sorted) {
    // Blank slices are equal without meaning anything.
    if (one.description === undefined) continue;
    const first = training.get(one.digest);
    if (first === undefined) training.set(one.digest, one);
    else if (first.item.part !== one.item.part)
      pairs.push({ held: one, training: first, words: "equal voxel by voxel", mirrored: false });
  }
  if (pairs.length === 0) return { findings: [], pairs };
  const statement = `${pairs.length} held-out images are in training voxel by voxel`;
  return {
    findings: [{ category: "biased-split", statement, evidence: pairs.slice(0, 20).map(evidenceOf) }],
    pairs,
  };
}

function similarFinding(
  visible: readonly Seen[],
  { best, kind }: Matching,
  shown: readonly ShownPair[],
): Finding {
  const held = visible.filter(
    ({ item, description }) => item.part !== "train" && description!.kind === kind,
  ).length;
  const mirrors = best.filter(({ mirrored }) => mirrored).length;
  const wrong = shown.filter(
    ({ held: a, training: b }) =>
      a.item.subject !== undefined && b.item.subject !== undefined && a.item.subject !== b.item.subject,
  ).length;
  const statement = [
    `${best.length} of ${held} held-out ${kind}s show a head that is in training as well`,
    ...(mirrors > 0 ? [`${mirrors} of them mirrored`] : []),
    ...(wrong > 0
      ? [`${wrong} pairs have different identifiers: an identifier is wrong, or one person has two`]
      : []),
  ].join("; ");
  return { category: "biased-split", statement, evidence: shown.slice(0, 20).map(evidenceOf) };
}

function shownPair(visible: readonly Seen[], match: Match, { limit, mirrorLimit }: Matching): ShownPair {
  const used = match.mirrored ? mirrorLimit! : limit!;
  const what = match.likeness > 0.97 ? "a copy" : match.likeness > 0.85 ? "a near copy" : "the same head";
  return {
    held: visible[match.held]!,
    training: visible[match.training]!,
    words: `${what}${match.mirrored ? ", mirrored" : ""}: likeness ${match.likeness.toFixed(2)}, different heads stay below ${used.limit.toFixed(2)}`,
    mirrored: match.mirrored,
  };
}

const evidenceOf = ({ held, training, words }: ShownPair): Evidence => ({
  kind: "pair",
  held: held.item.id,
  training: training.item.id,
  words,
});

function describeMatching({ kind, images, limit, comparisons }: Matching): string {
  if (limit === undefined) return `${images} ${kind}s.`;
  const reading = `${limit.pairs} pairs of different heads have a likeness below ${limit.p99.toFixed(2)} in 99 of 100 cases`;
  return `${images} ${kind}s, ${comparisons} comparisons across the split: ${reading}; the limit for all comparisons together is ${limit.limit.toFixed(2)}.`;
}
