import { type AuditWithPairs, auditSeen, see } from "../../audit/audit.js";
import { pairPicture } from "../../audit/html.js";
import type { Part } from "../../audit/types.js";
import { rng } from "../../core/rng.js";
import { hide } from "../audit/scenes.js";
import type { TrialSetup } from "./data.js";
import type { SliceData, SliceSplit } from "./plan.js";
import { heldSlices, labelsOf, sliceId } from "./slices.js";

/** Two slices side by side, as they are shown. */
export interface SidePicture {
  /** Base 64. */
  readonly png: string;
  readonly width: number;
  readonly height: number;
  readonly words: string;
}

/** What the audit said of a split of slices under names that mean nothing. */
export interface AuditResult {
  readonly found: boolean;
  readonly held: number;
  /** Held-out slices of which it named a partner in training, and of those the pairs that are of one head. */
  readonly matched: number;
  readonly right: number;
  readonly details: string;
  readonly pictures: readonly SidePicture[];
}

const nobody = { id: "", part: "train" } as const;

/** Audit a split of slices by their content alone: the one that a network is trained on in the first fold. */
export async function runAudit(
  { data, split }: { readonly data: SliceData; readonly split: SliceSplit },
  { sliced, seed }: TrialSetup,
): Promise<AuditResult> {
  const subjects = sliced[data]!;
  const held = heldSlices(subjects, split, 0, seed, labelsOf(subjects, "true", seed));
  const heads = [];
  for (const { id, originals } of subjects) {
    const images = [];
    // Digests are not made of memory that threads share.
    for (const original of originals)
      images.push(await see(nobody, { ...original, data: original.data.slice() }));
    heads.push({ subject: id, images });
  }
  const partOf = ({ subject }: { readonly subject: string }, at: number): Part =>
    held.has(sliceId(subject, at)) ? "test" : "train";
  const { seen, owner } = hide(heads, partOf, rng(seed).split("audit", data, split));
  const items = seen.map(({ item }) => item);
  const { audit, pairs } = auditSeen({ name: "slices", kind: "folder", items, notes: [] }, seen);
  return {
    found: audit.found,
    held: items.filter(({ part }) => part === "test").length,
    matched: pairs.length,
    right: pairs.filter(({ held: a, training: b }) => owner.get(a.item.id) === owner.get(b.item.id)).length,
    details: audit.checks.find(({ check }) => check.includes("by the images themselves"))?.details ?? "",
    pictures: picturesOf(pairs),
  };
}

/** The pair that is most alike, one in the middle and the least alike. */
function picturesOf(pairs: AuditWithPairs["pairs"]): SidePicture[] {
  const shown = pairs.filter(({ held, training }) => held.description && training.description);
  const places = shown.length < 3 ? shown.map((_, at) => at) : [0, shown.length >> 1, shown.length - 1];
  return places.map((at) => {
    const { held, training, words } = shown[at]!;
    const { png, width, height } = pairPicture(held, training);
    return { png: btoa(String.fromCharCode(...png)), width, height, words };
  });
}
