import type { Description } from "./describe.js";
import { fewestImages } from "./limit.js";
import { type Match, type Matching, matchContent, rankOf } from "./match.js";
import type { AuditItem, CheckResult, Evidence, Finding } from "./types.js";

/** An image with what was seen in it. */
export interface Seen {
  readonly item: AuditItem;
  /** SHA-256 of the voxels and the size: equal for equal images, whatever the file. Absent for images of one value, which are equal without meaning anything. */
  readonly digest?: string;
  /** Absent where there is no head to see. */
  readonly description?: Description;
}

export interface ContentOptions {
  /** Probability of one or more wrong matches between different heads in the whole collection. */
  readonly falseAlarms: number;
  /** Look for mirror images as well. */
  readonly mirror: boolean;
  /** Pairs of images that are compared at most; default 20 million. */
  readonly mostComparisons?: number;
}

/** Two images to be shown side by side. */
export interface ShownPair {
  readonly held: Seen;
  readonly training: Seen;
  readonly words: string;
  readonly mirrored: boolean;
}

/** Beyond this limit neighbouring slices and repeated scans are never taken for one head. */
const highestLimit = 0.9;

const about = {
  check: "one head on both sides, by the images themselves",
  sees: "equal images; copies that are shifted, turned by less than 45 degrees (volumes: some degrees), scaled, brighter, noisier, recompressed or mirrored; neighbouring slices of one head; repeated scans and visits whose gyri still look alike",
  blindTo:
    "slices of one head that lie far apart, patches that show different places of one head, visits between which a head has changed much, and a slice in one file beside the whole volume in another",
} as const;

/** Biased split by content: see `matchContent`. The pairs are those that a report shows. */
export function checkContent(
  seen: readonly Seen[],
  options: ContentOptions,
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
    ...(item.fold === undefined ? {} : { fold: item.fold }),
    ...(item.subject === undefined ? {} : { subject: item.subject }),
    kind: description!.kind,
    values: description!.values,
  }));
  const matchings = matchContent(comparables, options);
  const findings: Finding[] = [];
  const pairs: ShownPair[] = [...equal.pairs];
  if (equal.findings.length > 0) findings.push(...equal.findings);
  for (const matching of matchings) {
    const shown = matching.best.map((match) => shownPair(visible, match, matching));
    findings.push(...similarFindings(visible, matching, shown));
    pairs.push(...shown.filter(({ held }) => !equal.pairs.some((pair) => pair.held === held)));
  }
  const tooFew = matchings.every(({ limit }) => limit === undefined);
  const blank = seen.filter(({ digest }) => digest === undefined).length;
  const headless = seen.length - visible.length - blank;
  const blindness = matchings.map((matching) => blindnessOf(matching, visible));
  const details = [
    ...matchings.map((matching, n) => describeMatching(matching, tooFew) + blindness[n]!),
    ...(headless > 0 ? [`${headless} images without a head in them were compared for equality alone.`] : []),
    ...(blank > 0 ? [`${blank} images of one value were not compared.`] : []),
    ...(tooFew
      ? [
          `With fewer than ${fewestImages} images of a kind on two sides, or images of one subject alone, only equality is checked.`,
        ]
      : []),
  ].join(" ");
  // Copies are the least that is asked for: where nothing else could be seen nobody has looked for heads.
  const blind = matchings.every((one, n) => one.limit === undefined || blindness[n] !== "");
  const status = findings.length > 0 ? "found" : blind ? "not-checked" : "clean";
  return { result: { ...about, status, details, findings }, pairs };
}

function equalImages(seen: readonly Seen[]): {
  readonly findings: readonly Finding[];
  readonly pairs: readonly ShownPair[];
} {
  const training = new Map<string, Seen>();
  const sorted = [...seen].sort((a, b) => rankOf(a.item) - rankOf(b.item));
  const pairs: ShownPair[] = [];
  for (const one of sorted) {
    if (one.digest === undefined) continue;
    const first = training.get(one.digest);
    if (first === undefined) training.set(one.digest, one);
    else if (rankOf(first.item) !== rankOf(one.item))
      pairs.push({
        held: one,
        training: first,
        words: `equal voxel by voxel${foldsOf(one.item, first.item)}`,
        mirrored: false,
      });
  }
  return {
    findings: byKind(pairs).map(({ folds, own }) => ({
      category: "biased-split",
      statement: folds
        ? `${own.length} images of one fold are in another one voxel by voxel`
        : `${own.length} held-out images are in training voxel by voxel`,
      evidence: own.slice(0, 20).map(evidenceOf),
    })),
    pairs,
  };
}

/** Pairs across the split, and pairs of two folds that are trained on: both where there are any. */
function byKind(pairs: readonly ShownPair[]): { readonly folds: boolean; readonly own: ShownPair[] }[] {
  return [false, true]
    .map((folds) => ({ folds, own: pairs.filter(({ held }) => (held.item.part === "train") === folds) }))
    .filter(({ own }) => own.length > 0);
}

const foldsOf = (a: AuditItem, b: AuditItem): string =>
  a.fold === undefined || b.fold === undefined ? "" : `, folds ${a.fold} and ${b.fold}`;

function similarFindings(
  visible: readonly Seen[],
  { kind, looked, held }: Matching,
  shown: readonly ShownPair[],
): Finding[] {
  return byKind(shown).map(({ folds, own }): Finding => {
    const mirrors = own.filter(({ mirrored }) => mirrored).length;
    const wrong = own.filter(
      ({ held: { item: a }, training: { item: b } }) =>
        a.subject !== undefined && b.subject !== undefined && a.subject !== b.subject,
    ).length;
    const asked = looked.filter((place) => visible[place]!.item.part !== "train").length;
    const statement = [
      folds
        ? `${own.length} ${kind}s of one fold show a head that is in another one as well`
        : `${own.length} of ${asked} held-out ${kind}s${looked.length < held ? " that were compared" : ""} show a head that is in training as well`,
      ...(mirrors > 0 ? [`${mirrors} of them mirrored`] : []),
      ...(wrong > 0
        ? [`${wrong} pairs have different identifiers: an identifier is wrong, or one person has two`]
        : []),
    ].join("; ");
    return { category: "biased-split", statement, evidence: own.slice(0, 20).map(evidenceOf) };
  });
}

function shownPair(visible: readonly Seen[], match: Match, { limit, mirrorLimit }: Matching): ShownPair {
  const used = match.mirrored ? mirrorLimit! : limit!;
  const what = match.likeness > 0.97 ? "a copy" : match.likeness > 0.85 ? "a near copy" : "the same head";
  const [held, training] = [visible[match.held]!, visible[match.training]!];
  return {
    held,
    training,
    words: `${what}${match.mirrored ? ", mirrored" : ""}${foldsOf(held.item, training.item)}: likeness ${match.likeness.toFixed(2)}, different heads stay below ${used.limit.toFixed(2)}`,
    mirrored: match.mirrored,
  };
}

const evidenceOf = ({ held, training, words }: ShownPair): Evidence => ({
  kind: "pair",
  held: held.item.id,
  training: training.item.id,
  words,
});

function describeMatching(
  { kind, images, limit, comparisons, looked, held }: Matching,
  tooFew: boolean,
): string {
  if (limit === undefined) return `${images} ${kind}s${tooFew ? "" : ", compared for equality alone"}.`;
  const reading = `${limit.pairs} pairs of different heads have a likeness below ${limit.p99.toFixed(2)} in 99 of 100 cases`;
  const thinned =
    looked.length < held ? ` Only ${looked.length} of ${held} held-out ${kind}s were compared.` : "";
  return `${images} ${kind}s, ${comparisons} comparisons across the split: ${reading}; the limit for all comparisons together is ${limit.limit.toFixed(2)}.${thinned}`;
}

/** Why copies alone would have been seen; empty where one head's images would have been, too, as far as can be told. */
function blindnessOf({ kind, limit }: Matching, visible: readonly Seen[]): string {
  if (limit === undefined) return "";
  if (limit.limit > highestLimit)
    return " So high a limit lets copies alone be seen: there are too few heads to say how alike different ones are.";
  const subjects = visible
    .filter(({ description }) => description!.kind === kind)
    .map(({ item }) => item.subject);
  const ofOneEach = !subjects.includes(undefined) && new Set(subjects).size === subjects.length;
  return kind === "slice" && limit.alike === 0 && !ofOneEach
    ? " No two of them, on whatever sides, were recognised as one head: if several are of one, they lie too far apart for this check, which would see copies alone. Give identifiers."
    : "";
}
