import { areaUnderCurve, type Judgement } from "../../metrics/classification/scores.js";
import type { Validation } from "../../train/loop.js";
import { type Classifier, probabilitiesOf } from "./apply.js";
import type { TrainingImage } from "./batches.js";
import type { ClassificationConfig } from "./config.js";
import { equalVotes, vote, votesBy } from "./vote.js";

/** Names of what a validation finds. */
export const scores = ["balanced accuracy", "AUC"];

/** What each position says of an image, and what is true. */
export interface Opinions {
  readonly id: string;
  readonly subject: string;
  readonly positive: boolean;
  readonly probabilities: Float32Array;
}

/** What a classifier says of some images, at every position. */
export async function opinionsOn(
  classifier: Classifier,
  images: readonly TrainingImage[],
): Promise<Opinions[]> {
  const found: Opinions[] = [];
  for (const { id, subject, label, image } of images)
    found.push({
      id,
      subject,
      positive: label === 1,
      probabilities: await probabilitiesOf(classifier, image),
    });
  return found;
}

/** One judgement for each image, by a soft vote. */
export function judgementsOf(opinions: readonly Opinions[], weights: readonly number[]): Judgement[] {
  return opinions.map(({ subject, positive, probabilities }) => ({
    subject,
    positive,
    probability: vote(probabilities, weights),
  }));
}

/** Below it a position of a network of its own has no vote; one network for all has votes from all positions. */
export function thresholdOf({ framework }: Pick<ClassificationConfig, "framework">): number {
  return framework.kind === "patch" && framework.networks === "each" ? framework.threshold : 0;
}

/**
 * Validation while training: of the soft vote on subjects that were set aside, with the votes that they give themselves;
 * the score is what `selection.by` says, the loss negative so that higher is better.
 */
export async function validate(
  classifier: Classifier,
  images: readonly TrainingImage[],
  config: Pick<ClassificationConfig, "framework" | "selection">,
): Promise<Validation> {
  const opinions = await opinionsOn(classifier, images);
  const positions = classifier.model.positions.length;
  const weights = positions === 1 ? equalVotes(1) : votesBy(opinions, thresholdOf(config)).weights;
  const judged = judgementsOf(opinions, weights);
  const loss = crossEntropyOf(judged);
  const metrics: Record<string, number> = {
    "balanced accuracy": balancedAccuracy(judged),
    AUC: aucOf(judged),
  };
  const by = { "balanced accuracy": metrics["balanced accuracy"]!, auc: metrics.AUC!, loss: -loss };
  return { score: by[config.selection.by], loss, metrics };
}

/** Mean over the classes that are there, so that a few subjects of one class can be looked at, too. */
function balancedAccuracy(cases: readonly Judgement[]): number {
  const rates = [true, false].flatMap((positive) => {
    const own = cases.filter((one) => one.positive === positive);
    if (own.length === 0) return [];
    return [own.filter(({ probability }) => probability >= 0.5 === positive).length / own.length];
  });
  return rates.reduce((a, b) => a + b, 0) / rates.length;
}

function aucOf(cases: readonly Judgement[]): number {
  const positives = cases.filter(({ positive }) => positive).length;
  return positives === 0 || positives === cases.length ? 0.5 : areaUnderCurve(cases);
}

/** Mean over the cases; a probability of exactly 0 or 1 counts as one in ten million. */
function crossEntropyOf(cases: readonly Judgement[]): number {
  const floor = 1e-7;
  const sum = cases.reduce(
    (total, { probability, positive }) =>
      total - Math.log(Math.max(floor, positive ? probability : 1 - probability)),
    0,
  );
  return sum / cases.length;
}
