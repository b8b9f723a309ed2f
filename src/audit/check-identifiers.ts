import type { AuditItem, CheckResult, Collection, Evidence, Finding, Part } from "./types.js";

const pairs: readonly (readonly [Part, Part])[] = [
  ["train", "validation"],
  ["train", "test"],
  ["validation", "test"],
];

/** Biased split by identifier: subjects with images on both sides. */
export function checkIdentifiers({ items, identifiers }: Collection): CheckResult {
  const known = items.filter(({ subject }) => subject !== undefined);
  const base = {
    check: "one subject on both sides, by identifier",
    sees: "subjects, visits, slices and patches of one identifier on two sides of the split",
    blindTo:
      "people with two identifiers, wrong identifiers, and images without one: those are left to the images themselves",
  };
  if (known.length === 0)
    return {
      ...base,
      status: "not-checked",
      details: "Nothing says whose images these are.",
      findings: [],
    };
  const findings = [...pairs.flatMap(([low, high]) => shared(known, low, high)), ...sharedByFolds(known)];
  const subjects = new Set(known.map(({ subject }) => subject)).size;
  const without = items.length - known.length;
  return {
    ...base,
    status: findings.length > 0 ? "found" : "clean",
    details: `${subjects} subjects of ${known.length} images, ${identifiers ?? "as given"}${without > 0 ? `; ${without} images have no identifier` : ""}.`,
    findings,
  };
}

function shared(items: readonly AuditItem[], low: Part, high: Part): Finding[] {
  const of = (part: Part) =>
    new Set(items.filter((item) => item.part === part).map(({ subject }) => subject!));
  const [below, above] = [of(low), of(high)];
  const both = [...above].filter((subject) => below.has(subject)).sort();
  if (both.length === 0) return [];
  const examples = both.slice(0, 5).map((subject): Evidence => {
    const one = (part: Part) => items.find((item) => item.part === part && item.subject === subject)!.id;
    return { kind: "pair", held: one(high), training: one(low), words: `both are ${subject}` };
  });
  const inBoth = (part: Part) =>
    items.filter((item) => item.part === part && both.includes(item.subject!)).length;
  return [
    {
      category: "biased-split",
      statement: `${both.length} of ${above.size} subjects of ${high} are in ${low} as well, with ${inBoth(high)} and ${inBoth(low)} images`,
      evidence: [{ kind: "names", what: "subjects on both sides", names: both }, ...examples],
    },
  ];
}

/** Subjects with images in two folds that are trained on in turn: each is held out from the other. */
function sharedByFolds(items: readonly AuditItem[]): Finding[] {
  const first = new Map<string, AuditItem>();
  const both = new Map<string, Evidence>();
  for (const item of items) {
    const { subject = "", fold } = item;
    if (fold === undefined) continue;
    const before = first.get(subject);
    if (before === undefined) first.set(subject, item);
    else if (before.fold !== fold && !both.has(subject))
      both.set(subject, {
        kind: "pair",
        held: item.id,
        training: before.id,
        words: `both are ${subject}, folds ${fold} and ${before.fold}`,
      });
  }
  if (both.size === 0) return [];
  const names = [...both.keys()].sort();
  return [
    {
      category: "biased-split",
      statement: `${both.size} of ${first.size} subjects are in more than one fold`,
      evidence: [
        { kind: "names", what: "subjects in two folds", names },
        ...names.slice(0, 5).map((subject) => both.get(subject)!),
      ],
    },
  ];
}
