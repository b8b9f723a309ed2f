import { type Calibration, calibration } from "../../metrics/classification/calibration.js";
import { type Judgement, rocCurve } from "../../metrics/classification/scores.js";
import { lineChart } from "../../report/charts.js";
import type { CaptionedChart } from "../../report/data.js";

const [blue, grey] = ["#0072b2", "#999999"];

/** The ROC curve and the reliability curve of what was judged. */
export function curvesOf(cases: readonly Judgement[], positive: string): CaptionedChart[] {
  const diagonal = [
    { x: 0, y: 0 },
    { x: 1, y: 1 },
  ];
  const found = calibration(cases);
  return [
    {
      chart: lineChart({
        xLabel: "1 - specificity",
        yLabel: "Sensitivity",
        yDomain: [0, 1],
        width: 340,
        height: 320,
        series: [
          {
            name: "guessing",
            points: diagonal,
            style: "faint",
            color: grey!,
          },
          {
            name: "the classifier",
            points: rocCurve(cases).map(({ falsePositiveRate: x, truePositiveRate: y }) => ({ x, y })),
            style: "line",
            color: blue!,
          },
        ],
      }),
      caption: `ROC curve for ${positive}, one step for each subject; the faint line is guessing.`,
    },
    {
      chart: lineChart({
        xLabel: `Probability of ${positive}`,
        yLabel: `Share that is ${positive}`,
        yDomain: [0, 1],
        width: 340,
        height: 320,
        series: [
          { name: "calibrated", points: diagonal, style: "faint", color: grey! },
          { name: "the classifier", points: reliable(found), style: "points", color: blue! },
        ],
      }),
      caption: `Reliability in ten bins: on the faint line, of those with a probability of 0.8, four of five are ${positive}. Expected calibration error ${found.expectedError.toFixed(3)}; with few subjects a bin it is too high.`,
    },
  ];
}

function reliable({ bins }: Calibration): { x: number; y: number }[] {
  return bins.flatMap(({ probability: x, frequency: y }) => (x === null || y === null ? [] : [{ x, y }]));
}
