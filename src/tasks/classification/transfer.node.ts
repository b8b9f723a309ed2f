import { createHash } from "node:crypto";
import { z } from "zod";
import { fittedOn, type Provenance } from "../../audit/provenance.js";
import { fail } from "../../core/errors.js";
import { sameShape, type Tensor } from "../../core/tensor.js";
import { weightsOf } from "../../train/step.js";
import { bestCheckpoint, readRunAs, requireCheckpoint } from "../run-folder.node.js";
import { readRun } from "./folder.node.js";
import type { Run } from "./run.js";

/** Weights that another run has learnt, and what it learnt them from. */
export interface Transferred {
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly init: NonNullable<Run["init"]>;
  readonly provenance: readonly Provenance[];
}

/** What a new run is, as far as taking over weights goes. */
interface Newcomer {
  readonly root: string;
  /** May have chosen the other run's weights as they will choose this one's, and not taught it anything. */
  readonly validation: readonly string[];
  /** May have done neither. */
  readonly test: readonly string[];
  /** Digests of the images of these two. */
  readonly images: Readonly<Record<"validation" | "test", readonly string[]>>;
  /** The new run's first state. */
  readonly state: Readonly<Record<string, Tensor>>;
}

/**
 * The best weights of another run, as first weights of a new one: those of equal name and shape. Throws `bad-data` where
 * subjects that the new run holds out have taught the other one, or the one before that, in the same data set or by the same
 * images in another one (Wen et al. 2020 call it backward transfer), and `shape` where nothing fits.
 */
export async function weightsOfRun(dir: string, newcomer: Newcomer): Promise<Transferred> {
  await requireNetwork(dir);
  const run = await readRun(dir);
  await requireCheckpoint(dir);
  const { root, state } = newcomer;
  requireUnseen(run, dir, newcomer);
  const known = weightsOf((await bestCheckpoint(dir)).state);
  const entries = Object.entries(known).filter(([name, value]) => {
    const own = state[name];
    return own !== undefined && sameShape(own.shape, value.shape);
  });
  const convolutions = entries.filter(([, { shape }]) => shape.length > 2);
  if (convolutions.length === 0)
    fail("shape", {
      what: "no weights of the other run fit this network",
      where: dir,
      expected: "a run of the same network",
      found: `${run.system}, preset ${run.preset}`,
      fix: "Begin from a run of the same system and preset",
    });
  const own = run.data.root === root;
  const from = { run: dir, ...(own ? {} : { dataSha256: run.data.sha256 }) };
  return {
    weights: Object.fromEntries(entries),
    init: {
      run: dir,
      sha256: digestOf(entries),
      classes: [...run.model.classes],
      taken: entries.filter(([name]) => name.startsWith("parameter/")).length,
    },
    provenance: [
      fittedOn(
        "pre-training",
        `first weights: ${run.model.classes.join(" against ")} by ${run.system}`,
        run.split.subjects.train,
        from,
      ),
      fittedOn("selection", "selection of those weights", run.split.subjects.validation, from),
      ...run.provenance
        .filter((entry) => entry.run !== undefined || entry.kind === "pre-training")
        .map((entry) => ({ ...from, ...entry })),
    ],
  };
}

/** Throws `bad-argument` for the run of a system that has no network, or has one for another task. */
async function requireNetwork(dir: string): Promise<void> {
  const { system, model, config } = await readRunAs(dir, anyRun);
  if (model?.task === "classification" && config?.network !== undefined) return;
  fail("bad-argument", {
    what: "the other run has no network that tells diagnoses apart",
    where: dir,
    expected: "a run of the same system and preset",
    found: `a run of ${system}`,
    fix: "Begin from a run of the same system and preset",
  });
}

const anyRun = z.looseObject({
  system: z.string(),
  model: z.looseObject({ task: z.string() }).optional(),
  config: z.looseObject({ network: z.unknown().optional() }).optional(),
});

function requireUnseen(run: Run, dir: string, newcomer: Newcomer): void {
  const named = run.data.root === newcomer.root ? seenByName(run, newcomer) : [];
  const seen = named.length > 0 ? named : seenByImage(run, newcomer);
  if (seen.length > 0)
    fail("bad-data", {
      what: "the other run has learnt from subjects that this one holds out",
      where: dir,
      expected: "first weights that know nothing of them",
      found: `${seen.length} ${named.length > 0 ? "subjects" : "of their images"}: ${seen.slice(0, 12).join(", ")}${seen.length > 12 ? ", …" : ""}`,
      fix: "Train both with the same --fold, --folds and --seed, or begin from a run on other data",
    });
}

/** Held-out subjects that taught a run on the same data set, or chose its weights. */
function seenByName(run: Run, { validation, test }: Newcomer): string[] {
  const own = run.provenance.filter(({ dataSha256 }) => dataSha256 === undefined);
  const chose = new Set(own.filter(({ kind }) => kind === "selection").flatMap(({ fittedOn: who }) => who));
  const taught = new Set([
    ...run.split.subjects.train,
    ...own.filter(({ kind }) => kind !== "selection").flatMap(({ fittedOn: who }) => who),
  ]);
  return [
    ...validation.filter((subject) => taught.has(subject)),
    ...test.filter((subject) => taught.has(subject) || chose.has(subject)),
  ];
}

/** Cases of a run by the images that taught it, or chose its weights, and are held out now, wherever the data set lies. */
function seenByImage({ split, provenance }: Run, { images }: Newcomer): string[] {
  const chose = provenance.some(({ kind, run }) => kind === "selection" && run === undefined);
  const held = { validation: new Set(images.validation), test: new Set(images.test) };
  const isHeld = (id: string, parts: readonly ("validation" | "test")[]): boolean =>
    (split.images?.[id] ?? []).some((digest) => parts.some((part) => held[part].has(digest)));
  return [
    ...split.train.filter((id) => isHeld(id, ["validation", "test"])),
    ...split.validation.filter((id) => chose && isHeld(id, ["test"])),
  ];
}

function digestOf(entries: readonly (readonly [string, Tensor])[]): string {
  const hash = createHash("sha256");
  for (const [name, { data }] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(name);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
