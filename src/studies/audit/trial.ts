import { auditSeen, see } from "../../audit/audit.js";
import type { Seen } from "../../audit/check-content.js";
import type { RunFacts } from "../../audit/run-facts.js";
import type { Category, Collection } from "../../audit/types.js";
import type { Rng } from "../../core/rng.js";
import { changedCopy } from "./copies.js";
import type { SlicedHead } from "./heads.node.js";
import {
  blamelessRun,
  drawHeld,
  drawTable,
  type Head,
  type Hidden,
  hide,
  lateRun,
  peekedRun,
  type Scene,
} from "./scenes.js";

/** What the study draws its scenes from. */
export interface Material {
  readonly sliced: readonly SlicedHead[];
  readonly visits: readonly Head[];
}

/** What became of one audit. */
export interface Trial {
  /** It found something. */
  readonly found: boolean;
  /** Of images: a pair that it named was of one head. Of others: the category was right. */
  readonly right: boolean;
}

/** Heads that one scene is made of. */
const headsPerScene = 40;

/** Draw a scene and audit it. */
export async function runTrial(scene: Scene, material: Material, rng: Rng): Promise<Trial> {
  switch (scene) {
    case "identifiers":
      return judgeTable(drawTable(rng, { shared: 1 + rng.integer(5) }), "biased-split");
    case "confounds":
      return judgeTable(
        drawTable(rng, rng.chance(0.5) ? { yearsApart: 8 } : { siteShift: 0.25 }),
        "confound",
      );
    case "clean-identifiers":
      return judgeTable(drawTable(rng, {}), "biased-split");
    case "clean-confounds":
      return judgeTable(drawTable(rng, {}), "confound");
    case "late-split":
      return judgeRun(lateRun(rng), "late-split");
    case "no-test":
      return judgeRun(peekedRun(rng), "no-independent-test");
    case "clean-run":
      return judgeRun(blamelessRun(rng), undefined);
    case "visits":
    case "clean-visits":
      return judgeHidden(drawVisits(material, rng, scene === "visits"));
    default:
      return judgeHidden(await drawSlices(scene, material, rng));
  }
}

function drawVisits({ visits }: Material, rng: Rng, leaking: boolean): Hidden {
  const heads = rng.shuffle(visits).slice(0, headsPerScene);
  const held = drawHeld(heads, rng);
  const moved = new Set(leaking ? rng.shuffle([...held]).slice(0, 1 + rng.integer(3)) : []);
  return hide(
    heads,
    ({ subject }, visit) => (held.has(subject) && !(visit === 1 && moved.has(subject)) ? "test" : "train"),
    rng,
  );
}

async function drawSlices(scene: Scene, { sliced }: Material, rng: Rng): Promise<Hidden> {
  const heads = rng.shuffle(sliced).slice(0, headsPerScene);
  if (scene === "slices") return hide(heads, () => (rng.chance(0.2) ? "test" : "train"), rng);
  const held = drawHeld(heads, rng);
  const divided = scene === "one-head" ? [...held][0] : undefined;
  const hidden = hide(
    heads,
    ({ subject }, at) => (held.has(subject) && !(subject === divided && at % 2 === 0) ? "test" : "train"),
    rng,
  );
  if (scene !== "copies") return hidden;
  const owner = new Map(hidden.owner);
  const copies: Seen[] = [];
  for (const [n, subject] of rng
    .shuffle([...held])
    .slice(0, 1 + rng.integer(3))
    .entries()) {
    const { slices } = heads.find((head) => head.subject === subject)!;
    const draw = rng.split("copy", n);
    const id = `image-9${n}`;
    copies.push(await see({ id, part: "train" }, changedCopy(slices[draw.integer(slices.length)]!, draw)));
    owner.set(id, subject);
  }
  return { seen: [...hidden.seen, ...copies], owner };
}

function judgeHidden({ seen, owner }: Hidden): Trial {
  const collection: Collection = {
    name: "scene",
    kind: "folder",
    items: seen.map(({ item }) => item),
    notes: [],
  };
  const { audit, pairs } = auditSeen(collection, seen);
  return {
    found: audit.found,
    right: pairs.some(({ held, training }) => owner.get(held.item.id) === owner.get(training.item.id)),
  };
}

function judgeTable(collection: Collection, wanted: Category): Trial {
  const { audit } = auditSeen(collection, []);
  // A table by chance may differ in age as well: only the category in question counts.
  const findings = audit.checks
    .flatMap((check) => check.findings)
    .filter(({ category }) => category === wanted);
  return { found: findings.length > 0, right: findings.length > 0 };
}

function judgeRun(run: RunFacts, wanted: Category | undefined): Trial {
  const items = (["train", "validation", "test"] as const).flatMap((part) =>
    run.split.subjects[part].map((subject) => ({ id: subject, subject, part })),
  );
  const { audit } = auditSeen({ name: "run", kind: "run", items, identifiers: "record", notes: [] }, [], {
    run,
  });
  const right = audit.checks.flatMap((check) => check.findings).some(({ category }) => category === wanted);
  return { found: audit.found, right };
}
