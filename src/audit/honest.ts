import { fail } from "../core/errors.js";
import type { Split } from "../io/split.js";
import { sharedSubjects } from "../io/split.js";

/** What a person must be told wherever a leakage study is shown. */
export const leakageStudyWords =
  "LEAKAGE STUDY: the split leaks on purpose, subjects are on both sides. The scores say what leakage does, and nothing about the system.";

/**
 * Throws `bad-data` for a split with a subject, or a case, on both sides, or with equal files on both sides (`digests`, by case), unless the run is
 * marked as a leakage study in its own record. Every training asks this before it makes its folder.
 */
export function requireHonestSplit(
  split: Pick<Split, "subjects" | "train" | "validation" | "test">,
  {
    leakageStudy,
    where,
    digests,
    fix = "Split by subject (gyrus split makes one), or mark the run as a leakage study for ever with --leakage-study",
  }: {
    readonly leakageStudy: boolean;
    readonly where: string;
    readonly digests?: ReadonlyMap<string, string>;
    /** What to do about it, where the usual remedies are not to be had. */
    readonly fix?: string;
  },
): void {
  if (leakageStudy) return;
  const leak = leakOf(split, digests);
  if (leak === undefined) return;
  fail("bad-data", {
    what: `the split leaks: ${leak.what}`,
    where,
    expected: "every person on one side of the split only",
    found: leak.found,
    fix,
  });
}

function leakOf(
  split: Pick<Split, "subjects" | "train" | "validation" | "test">,
  digests: ReadonlyMap<string, string> | undefined,
): { readonly what: string; readonly found: string } | undefined {
  const shared = sharedSubjects(split)[0];
  if (shared !== undefined) {
    const [low, high] = shared.parts;
    return {
      what: `${shared.subjects.length} subjects are in ${low} and in ${high}`,
      found: listed(shared.subjects),
    };
  }
  const parts = ["train", "validation", "test"] as const;
  const first = new Map<string, { readonly id: string; readonly part: string }>();
  const equal: string[] = [];
  for (const part of parts)
    for (const id of split[part]) {
      for (const key of [`case ${id}`, ...(digests?.has(id) ? [`digest ${digests.get(id)}`] : [])]) {
        const known = first.get(key);
        if (known === undefined) first.set(key, { id, part });
        else if (known.part !== part) equal.push(`${known.id} (${known.part}) and ${id} (${part})`);
      }
    }
  return equal.length === 0
    ? undefined
    : { what: `${equal.length} cases of different sides have the same images`, found: listed(equal) };
}

function listed(names: readonly string[]): string {
  return names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : names.join(", ");
}
