/** A classifier fitted to rows of features, as one linear map and a sigmoid: what every kind of it comes down to. */
import { predictLogistic, trainLogistic } from "../../classify/logistic.js";
import { type NestedSearch, nestedSearch } from "../../classify/nested.js";
import { gramOf, trainSvm } from "../../classify/svm.js";
import type { Rng } from "../../core/rng.js";
import type { ClassicConfig } from "./config.js";

/** Probability of the positive class is `1 / (1 + exp(-(weights · features + bias)))`. */
export interface LinearClassifier {
  readonly weights: Float32Array;
  readonly bias: number;
}

export interface Fitted {
  readonly classifier: LinearClassifier;
  readonly search: NestedSearch | null;
}

/** The training rows: features, diagnosis and whose they are. */
export interface TrainingRows {
  readonly features: readonly Float32Array[];
  readonly positive: readonly boolean[];
  readonly subjects: readonly string[];
}

/**
 * Fit the classifier that a configuration names. Of the machine, decisions become probabilities by a logistic
 * regression on the decisions that the inner folds made for subjects they had not seen (Platt 1999).
 */
export function fitClassic(
  { features, positive, subjects }: TrainingRows,
  { classifier }: ClassicConfig,
  rng: Rng,
): Fitted {
  if (classifier.kind === "logistic") {
    const { means, deviations, weights, bias } = trainLogistic(features, positive, {
      penalty: classifier.penalty,
    });
    const scaled = weights.map((w, at) => w / deviations[at]!);
    return {
      classifier: {
        weights: Float32Array.from(scaled),
        bias: bias - scaled.reduce((sum, w, at) => sum + w * means[at]!, 0),
      },
      search: null,
    };
  }
  const search = nestedSearch(
    gramOf(features),
    features.map((_, at) => at),
    positive,
    subjects,
    rng,
    {
      costs: classifier.costs,
      folds: classifier.folds,
    },
  );
  const machine = trainSvm(features, positive, { cost: search.cost });
  const calibration = trainLogistic(
    Array.from(search.decisions, (decision) => Float32Array.of(decision)),
    positive,
  );
  const slope = calibration.weights[0]! / calibration.deviations[0]!;
  const at = (decision: number): number => {
    const p = predictLogistic(calibration, [decision]);
    return Math.log(p / (1 - p));
  };
  let offset = machine.bias;
  for (let a = 0; a < machine.weights.length; a++) offset -= machine.weights[a]! * machine.means[a]!;
  return {
    classifier: { weights: machine.weights.map((w) => w * slope), bias: slope * offset + at(0) },
    search,
  };
}
