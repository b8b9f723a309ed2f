import type { Rng } from "../../core/rng.js";
import { type Judged, judge } from "../judge.js";
import type { Conclusion, ShownClaim } from "../study.js";
import type { Patches } from "./data.js";
import {
  average,
  bestAccuracy,
  endAccuracy,
  failed,
  type Results,
  speedUp,
  stepsTo,
  type Trials,
  trialsOfArm,
} from "./outcome.js";
import {
  baseRate,
  convRates,
  denseRates,
  denseTarget,
  type Extent,
  fiveTimes,
  fullLength,
  thirtyTimes,
  variants,
} from "./plan.js";
import { sectionsOf } from "./sections.js";
import type { TrialResult } from "./trial.js";

export interface Evidence {
  readonly extent: Extent;
  readonly result: (id: string) => TrialResult;
  readonly examples: { readonly patches: Patches; readonly perClass: number };
  readonly rng: Rng;
}

/** Judge the paper's claims and write the report's sections. */
export function conclude({ extent, result, examples, rng }: Evidence): Conclusion {
  const of =
    (plain: typeof variants.densePlain, norm: typeof variants.densePlain) =>
    (isNorm: boolean, learningRate: number) =>
      trialsOfArm({ variant: isNorm ? norm : plain, learningRate }, extent, result);
  const dense = of(variants.densePlain, variants.denseNorm);
  const conv = of(variants.convPlain, variants.convNorm);
  const ends = denseRates.map((rate) => average(dense(false, rate).map(endAccuracy)));
  const results: Results = {
    extent,
    dense,
    conv,
    convSigmoid: of(variants.convSigmoidPlain, variants.convSigmoidNorm),
    denseRate: denseRates[ends.indexOf(Math.max(...ends))]!,
    convTargets: conv(false, baseRate).map(bestAccuracy),
  };
  const claims = [...denseClaims(results), ...convClaims(results), ...sigmoidClaims(results)].map(
    (claim): ShownClaim => judge(claim, rng),
  );
  return {
    claims,
    notes: [
      ...(extent.conv.steps < fullLength.conv
        ? [
            `A shortened study: the trainings have ${Math.round((100 * extent.conv.steps) / fullLength.conv)} % of their full length, so that some networks have hardly begun to learn, and a claim that a network stays at chance may hold for that reason alone.`,
          ]
        : []),
      `Each number is the mean over ${extent.repetitions} repetitions with other first weights and another order of the batches; ratios are averaged geometrically. Intervals are bootstrap intervals over repetitions, and with so few of them too narrow. A claim holds when its whole interval lies on the side it names. A network that does not reach an accuracy counts with all its steps, so the ratio is then a bound on the cautious side.`,
      "The paper's numbers: Inception on ImageNet, figure 3 (31.0, 13.3, 2.1 and 2.7 million steps; 72.2, 72.7, 73.0, 74.8 and 69.8 %), and a network of three times 100 sigmoid units on MNIST, figure 1, of which it gives no numbers.",
    ],
    sections: sectionsOf(results, examples),
  };
}

/** One value for each repetition, from the trainings of two arms. */
function paired(
  a: Trials,
  b: Trials,
  compare: (a: TrialResult, b: TrialResult, n: number) => number,
): number[] {
  return a.map((one, n) => compare(one, b[n]!, n));
}

function denseClaims({ dense, denseRate, extent }: Results): Judged[] {
  const [plain, norm] = [dense(false, denseRate), dense(true, denseRate)];
  const reached = (isNorm: boolean): number[] =>
    Array.from(
      { length: extent.repetitions },
      (_, n) =>
        denseRates.filter((rate) => stepsTo(dense(isNorm, rate)[n]!, denseTarget) !== undefined).length /
        denseRates.length,
    );
  const without = reached(false);
  return [
    {
      id: "sigmoid-steps",
      statement: `Three hidden layers of 100 sigmoid units reach ${100 * denseTarget} % accuracy in at most half the steps with batch normalisation, at the rate that suits the network without it best (steps without / with)`,
      paper: "sooner (figure 1a)",
      values: paired(plain, norm, (a, b) =>
        speedUp(stepsTo(a, denseTarget), stepsTo(b, denseTarget), extent.dense.steps),
      ),
      unit: "times",
      holds: { above: 2 },
    },
    {
      id: "sigmoid-accuracy",
      statement: "After the same number of steps their accuracy is higher with it (percentage points)",
      paper: "higher (figure 1a)",
      values: paired(plain, norm, (a, b) => endAccuracy(b) - endAccuracy(a)),
      unit: "points",
      holds: { above: 0 },
    },
    {
      id: "sigmoid-inputs",
      statement:
        "What enters a typical sigmoid of the last hidden layer wanders less while the network learns (range of the median in units of the spread, without / with)",
      paper: "more stable (figure 1b, c)",
      values: paired(plain, norm, (a, b) => a.wander / b.wander),
      unit: "times",
      holds: { above: 1 },
    },
    {
      id: "sigmoid-rates",
      statement: `More learning rates are usable: share of the rates from ${denseRates[0]} to ${denseRates.at(-1)} at which they reach ${100 * denseTarget} % (percentage points, with − without)`,
      paper: "higher rates become possible",
      values: reached(true).map((share, n) => share - without[n]!),
      unit: "points",
      holds: { above: 0 },
    },
  ];
}

function convClaims({ conv, convTargets, extent }: Results): Judged[] {
  const base = conv(false, baseRate);
  const faster = (rate: number): number[] =>
    paired(base, conv(true, rate), (a, b, n) =>
      speedUp(stepsTo(a, convTargets[n]!), stepsTo(b, convTargets[n]!), extent.conv.steps),
    );
  const reach = "reaches the best accuracy of the one without";
  const share = (trials: Trials): number[] => trials.map((trial) => (failed(trial) ? 1 : 0));
  return [
    {
      id: "conv-same-rate",
      statement: `A convolutional network with batch normalisation ${reach} in fewer steps, at the same rate (steps without / with)`,
      paper: 2.3,
      values: faster(baseRate),
      unit: "times",
      holds: { above: 1 },
    },
    {
      id: "conv-x5",
      statement: `At 5 times the rate it ${reach} in at most half the steps (steps without / with)`,
      paper: 14.8,
      values: faster(fiveTimes),
      unit: "times",
      holds: { above: 2 },
    },
    {
      id: "conv-x30",
      statement: `At 30 times the rate it still ${reach} in fewer steps (steps without / with)`,
      paper: 11.5,
      values: faster(thirtyTimes),
      unit: "times",
      holds: { above: 1 },
    },
    {
      id: "conv-x30-accuracy",
      statement:
        "At 30 times the rate its best accuracy is higher than that of the network without (percentage points)",
      paper: 2.6,
      values: paired(base, conv(true, thirtyTimes), (a, b) => bestAccuracy(b) - bestAccuracy(a)),
      unit: "points",
      holds: { above: 0 },
    },
    {
      id: "conv-plain-x5-fails",
      statement:
        "Without it the network fails at 5 times the rate (share of trainings that diverge or stay near chance)",
      paper: "parameters reach machine infinity",
      values: share(conv(false, fiveTimes)),
      unit: "share",
      holds: { above: 0.5 },
    },
    {
      id: "conv-plain-x30-fails",
      statement:
        "Without it the network fails at 30 times the rate (share of trainings that diverge or stay near chance)",
      paper: "not tried: fails at 5 times",
      values: share(conv(false, thirtyTimes)),
      unit: "share",
      holds: { above: 0.5 },
    },
  ];
}

function sigmoidClaims({ convSigmoid, extent }: Results): Judged[] {
  const without = Array.from({ length: extent.repetitions }, (_, n) =>
    Math.max(...convRates.slice(1).map((rate) => bestAccuracy(convSigmoid(false, rate)[n]!))),
  );
  return [
    {
      id: "conv-sigmoid-chance",
      statement:
        "With sigmoids in place of ReLUs and without batch normalisation it stays below 20 % at every rate (best accuracy; chance is 10 %)",
      paper: "at chance, 0.1 %",
      values: without,
      unit: "share",
      holds: { below: 0.2 },
    },
    {
      id: "conv-sigmoid-learns",
      statement:
        "With batch normalisation, at 5 times the rate, the network of sigmoids learns (percentage points above the one without)",
      paper: 69.7,
      values: convSigmoid(true, fiveTimes).map((trial, n) => bestAccuracy(trial) - without[n]!),
      unit: "points",
      holds: { above: 0 },
    },
  ];
}
