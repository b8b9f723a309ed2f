import { rng } from "../../core/rng.js";
import type { Judgement } from "../../metrics/classification/scores.js";
import type { TrainingImage } from "../../tasks/classification/batches.js";
import type { SlicedSubject, TrialSetup } from "./data.js";
import { type Bench, fitNetwork, judge } from "./fit.js";
import { epochsOf, type SliceData, type SliceLabels, type SliceSplit, type Trial } from "./plan.js";

/** What a network of slices said of slices that were not trained on. */
export interface SlicesResult {
  /** One for each held-out slice. */
  readonly held: readonly Judgement[];
  /** One for each slice of people of whom no slice was trained on; null for real slabs, of which there are no more. */
  readonly clean: readonly Judgement[] | null;
  /** Cross-entropy over the last epoch of training. */
  readonly loss: number;
}

/** Parts that a split has: a fifth is held out. */
const fifths = 5;

type SlicesTrial = Extract<Trial, { kind: "slices" }>;

/** Train on slices that were split one by one, or by head, with the diagnoses or with others dealt among the heads. */
export async function runSlices(
  { data, split, labels, fold }: SlicesTrial,
  { sliced, clean, extent, seed, configs }: TrialSetup,
  bench: Bench,
): Promise<SlicesResult> {
  const subjects = sliced[data]!;
  const truth = labelsOf(subjects, labels, seed);
  const held = heldSlices(subjects, split, fold, seed, truth);
  const images = slicesOf(subjects, truth);
  const network = await fitNetwork(
    {
      config: configs.memory,
      training: images.filter(({ id }) => !held.has(id)),
      validation: [],
      epochs: epochsOf(extent, "memory"),
      seed: `${seed}/slices/${data}/${fold}`,
    },
    bench,
  );
  const others = slicesOf(clean, labelsOf(clean, "true", seed));
  return {
    held: await judge(
      network,
      images.filter(({ id }) => held.has(id)),
      bench,
    ),
    clean: data === "simulated" ? await judge(network, others, bench) : null,
    loss: network.loss,
  };
}

/** Whether a head counts as demented: as it is, or as many heads drawn at random. All slices of a head agree. */
export function labelsOf(
  subjects: readonly SlicedSubject[],
  labels: SliceLabels,
  seed: number,
): ReadonlyMap<string, boolean> {
  const own = subjects.map(({ positive }) => positive);
  const given = labels === "true" ? own : rng(seed).split("shuffled labels").shuffle(own);
  return new Map(subjects.map(({ id }, at) => [id, given[at]!]));
}

/** The identifiers of the slices that are held out: a fifth of all slices, or all slices of a fifth of the heads. */
export function heldSlices(
  subjects: readonly SlicedSubject[],
  split: SliceSplit,
  fold: number,
  seed: number,
  truth: ReadonlyMap<string, boolean>,
): ReadonlySet<string> {
  const draw = rng(seed).split("slices", split);
  const inFold = (_: unknown, at: number): boolean => at % fifths === fold;
  if (split === "slices") return new Set(draw.shuffle(subjects.flatMap(idsOf)).filter(inFold));
  // Class by class, as the labels have it, so that every fold has both.
  const heads = [true, false].flatMap((positive) =>
    draw
      .split("class", positive ? 1 : 0)
      .shuffle(subjects.filter(({ id }) => truth.get(id) === positive))
      .filter(inFold),
  );
  return new Set(heads.flatMap(idsOf));
}

const idsOf = ({ id, slices }: SlicedSubject): string[] => slices.map((_, at) => sliceId(id, at));

export const sliceId = (subject: string, at: number): string => `${subject} slice ${at}`;

function slicesOf(subjects: readonly SlicedSubject[], truth: ReadonlyMap<string, boolean>): TrainingImage[] {
  return subjects.flatMap(({ id, slices }) =>
    slices.map((image, at) => ({ id: sliceId(id, at), subject: id, label: truth.get(id) ? 1 : 0, image })),
  );
}

/** In words: whose slices. */
export const dataWords: Readonly<Record<SliceData, string>> = {
  simulated: "simulated heads",
  real: "OASIS-1 slabs",
};
