import { encode } from "fast-png";
import { type Band, bandChart } from "../../report/bands.js";
import type { StudyBlock, StudySection } from "../../report/study.js";
import { type Patches, patchEdge, structures } from "./data.js";
import { average, bestAccuracy, chance, failed, type Results, stepsTo, type Trials } from "./outcome.js";
import { baseRate, convRates, denseRates, denseTarget, fiveTimes, thirtyTimes } from "./plan.js";
import type { TrialResult } from "./trial.js";

const colors = {
  plain: "#d55e00",
  norm: "#0072b2",
  x5: "#009e73",
  x30: "#cc79a7",
  sigmoid: "#56b4e9",
  grey: "#7a7a7a",
};

/** The report below the table of claims. */
export function sectionsOf(
  results: Results,
  examples: { readonly patches: Patches; readonly perClass: number },
): StudySection[] {
  return [
    { id: "sigmoid", heading: "Three layers of sigmoids", blocks: denseBlocks(results) },
    { id: "conv", heading: "A convolutional network", blocks: convBlocks(results) },
    { id: "task", heading: "The task", blocks: taskBlocks(results, examples) },
    { id: "limits", heading: "What this does not show", blocks: limits(results) },
  ];
}

/** Mean over repetitions, and the lowest and highest; a training that diverged counts with chance from there on. */
function curve(name: string, color: string, trials: Trials, dashed = false): Band {
  const longest = trials.reduce<readonly number[]>(
    (a, { steps }) => (steps.length > a.length ? steps : a),
    [],
  );
  const points = longest.map((x, at) => {
    const values = trials.map(({ accuracy }) => accuracy[at] ?? chance);
    return { x, y: average(values), low: Math.min(...values), high: Math.max(...values) };
  });
  return { name, color, dashed, points };
}

/** The 15th, 50th and 85th percentile of a unit's inputs in one training. */
function inputBand(color: string, { steps, inputs }: TrialResult): Band {
  const points = steps.map((x, at) => ({
    x,
    y: inputs.p50[at]!,
    low: inputs.p15[at]!,
    high: inputs.p85[at]!,
  }));
  return { name: "median, between the 15th and the 85th percentile", color, points };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** "1050 (5)": the mean of the repetitions that arrived, and how many they were. */
function stepsCell(trials: Trials, target: (n: number) => number): string {
  const reached = trials.flatMap((trial, n) => stepsTo(trial, target(n)) ?? []);
  return reached.length === 0
    ? "never"
    : `${Math.round(average(reached))} (${reached.length} of ${trials.length})`;
}

const bestCell = (trials: Trials): string => percent(average(trials.map(bestAccuracy)));
const failedCell = (trials: Trials): string => {
  const infinite = trials.filter(({ divergedAt }) => divergedAt !== null).length;
  const stuck = trials.filter(failed).length - infinite;
  return infinite + stuck === 0 ? "0" : `${infinite + stuck} (${infinite} diverged)`;
};

function denseBlocks({ dense, denseRate, extent }: Results): StudyBlock[] {
  const [plain, norm] = [dense(false, denseRate), dense(true, denseRate)];
  const row = (rate: number): string[] => {
    const cells = (trials: Trials): string[] => [
      stepsCell(trials, () => denseTarget),
      bestCell(trials),
      failedCell(trials),
    ];
    return [`${rate}`, ...cells(dense(false, rate)), ...cells(dense(true, rate))];
  };
  const columns = (group: string) =>
    [`Steps to ${100 * denseTarget} %`, "Best", "Failed"].map((heading) => ({
      heading,
      numeric: true,
      group,
    }));
  const inputs = [plain[0]!, norm[0]!];
  const values = inputs.flatMap(({ inputs: { p15, p85 } }) => [...p15, ...p85]);
  const domain: [number, number] = [Math.min(...values), Math.max(...values)];
  return [
    {
      kind: "text",
      text: `Three hidden layers of 100 sigmoid units and a softmax over ten classes, batches of 60, plain gradient descent: the paper's network for MNIST. At rate ${denseRate} the network without batch normalisation ends best, so the two are compared there.`,
    },
    {
      kind: "charts",
      charts: [
        {
          title: `Learning rate ${denseRate}`,
          chart: bandChart({
            xLabel: "Step",
            yLabel: "Accuracy on unseen heads",
            yDomain: [0, 1],
            mark: denseTarget,
            bands: [curve("without", colors.plain, plain), curve("with batch norm", colors.norm, norm)],
          }),
        },
        {
          title: `Learning rate ${denseRates.at(-1)}`,
          chart: bandChart({
            xLabel: "Step",
            yLabel: "Accuracy on unseen heads",
            yDomain: [0, 1],
            mark: denseTarget,
            bands: [
              curve("without", colors.plain, dense(false, denseRates.at(-1)!)),
              curve("with batch norm", colors.norm, dense(true, denseRates.at(-1)!)),
            ],
          }),
        },
      ],
      caption: `Accuracy while training: mean of ${extent.repetitions} repetitions, band from the lowest to the highest. The line across is the set accuracy. The paper's figure 1a.`,
    },
    {
      kind: "charts",
      charts: [
        {
          title: "Without",
          chart: bandChart({
            xLabel: "Step",
            yLabel: "Input of a sigmoid",
            yDomain: domain,
            bands: [inputBand(colors.plain, inputs[0]!)],
          }),
        },
        {
          title: "With batch norm",
          chart: bandChart({
            xLabel: "Step",
            yLabel: "Input of a sigmoid",
            yDomain: domain,
            bands: [inputBand(colors.norm, inputs[1]!)],
          }),
        },
      ],
      caption:
        "What enters a typical sigmoid of the last hidden layer over the test patches in the first repetition: median, and the band from the 15th to the 85th percentile. Typical: as many units of the layer wander further as wander less. The paper's figure 1b and c.",
    },
    {
      kind: "table",
      caption: `Mean number of steps to ${100 * denseTarget} % accuracy (repetitions that arrived within ${extent.dense.steps} steps), mean best accuracy, and trainings that diverged or stayed near chance.`,
      columns: [{ heading: "Rate", numeric: true }, ...columns("Without"), ...columns("With batch norm")],
      rows: denseRates.map(row),
    },
  ];
}

function convBlocks({ conv, convSigmoid, convTargets, extent }: Results): StudyBlock[] {
  const target = (n: number): number => convTargets[n]!;
  const networks: readonly [
    name: string,
    trials: Trials,
    rate: number,
    paperSteps: string,
    paperBest: string,
  ][] = [
    ["without (base)", conv(false, baseRate), baseRate, "31.0 M", "72.2 %"],
    ["batch norm", conv(true, baseRate), baseRate, "13.3 M", "72.7 %"],
    ["batch norm, rate x5", conv(true, fiveTimes), fiveTimes, "2.1 M", "73.0 %"],
    ["batch norm, rate x30", conv(true, thirtyTimes), thirtyTimes, "2.7 M", "74.8 %"],
    ["batch norm, rate x5, sigmoids", convSigmoid(true, fiveTimes), fiveTimes, "–", "69.8 %"],
    ["without, sigmoids", convSigmoid(false, baseRate), baseRate, "–", "0.1 %"],
  ];
  return [
    {
      kind: "text",
      text: `Eight 3x3 convolutions, the mean over space and a softmax, batches of 32, momentum 0.9: a small stand-in for the paper's Inception. The base rate, ${baseRate}, is the one of ${convRates.join(", ")} that was found to suit the network without batch normalisation best; the second table shows them all.`,
    },
    {
      kind: "charts",
      charts: [
        {
          title: "ReLU",
          chart: bandChart({
            xLabel: "Step",
            yLabel: "Accuracy on unseen heads",
            yDomain: [0, 1],
            mark: average(convTargets),
            bands: [
              curve("without", colors.plain, conv(false, baseRate)),
              curve("batch norm", colors.norm, conv(true, baseRate)),
              curve("batch norm, x5", colors.x5, conv(true, fiveTimes)),
              curve("batch norm, x30", colors.x30, conv(true, thirtyTimes)),
              curve("without, x30", colors.grey, conv(false, thirtyTimes), true),
            ],
          }),
        },
        {
          title: "Sigmoid",
          chart: bandChart({
            xLabel: "Step",
            yLabel: "Accuracy on unseen heads",
            yDomain: [0, 1],
            bands: [
              curve("without", colors.plain, convSigmoid(false, baseRate)),
              curve("without, x5", colors.grey, convSigmoid(false, fiveTimes), true),
              curve("batch norm, x5", colors.x5, convSigmoid(true, fiveTimes)),
            ],
          }),
        },
      ],
      caption: `Accuracy while training: mean of ${extent.repetitions} repetitions, band from the lowest to the highest. The line across is the best accuracy of the network without batch normalisation. The paper's figure 2.`,
    },
    {
      kind: "table",
      caption:
        "The paper's figure 3 beside ours: mean number of steps to the best accuracy of the base network (repetitions that arrived), and the best accuracy.",
      columns: [
        { heading: "Network" },
        { heading: "Rate", numeric: true, group: "Here" },
        { heading: "Steps", numeric: true, group: "Here" },
        { heading: "Best", numeric: true, group: "Here" },
        { heading: "Steps", numeric: true, group: "Paper" },
        { heading: "Best", numeric: true, group: "Paper" },
      ],
      rows: networks.map(([name, trials, rate, paperSteps, paperBest]) => [
        name,
        `${rate}`,
        stepsCell(trials, target),
        bestCell(trials),
        paperSteps,
        paperBest,
      ]),
    },
    {
      kind: "table",
      caption: `Every learning rate: mean number of steps to the base network's best accuracy (repetitions that arrived within ${extent.conv.steps} steps), mean best accuracy, and trainings that diverged or stayed near chance.`,
      columns: [
        { heading: "Rate", numeric: true },
        ...["Without", "With batch norm"].flatMap((group) =>
          ["Steps", "Best", "Failed"].map((heading) => ({ heading, numeric: true, group })),
        ),
      ],
      rows: convRates.map((rate) => [
        `${rate}`,
        ...[conv(false, rate), conv(true, rate)].flatMap((trials) => [
          stepsCell(trials, target),
          bestCell(trials),
          failedCell(trials),
        ]),
      ]),
    },
  ];
}

function taskBlocks(
  { extent }: Results,
  { patches, perClass }: { readonly patches: Patches; readonly perClass: number },
): StudyBlock[] {
  const { trainHeads, testHeads, trainPatches, testPatches } = extent;
  const classes = structures.length;
  return [
    {
      kind: "text",
      text: `Name the structure at the centre of an axial patch of ${patchEdge} x ${patchEdge} pixels of 2 mm: ten structures, left and right alike. ${trainHeads * trainPatches * classes} patches from ${trainHeads} simulated T1-weighted heads to train on, ${testHeads * testPatches * classes} from ${testHeads} other heads to judge on, with noise (3 % of white matter) and a bias field (3 %); white matter is about 1, and no mean is taken away.`,
    },
    {
      kind: "picture",
      ...mosaic(patches, perClass),
      alternative: "Example patches, a row for each structure",
      caption: `Patches of the first training head. From the top: ${structures.map(({ name }) => name).join(", ")}.`,
    },
  ];
}

/** A row for each structure, pixels doubled; the front of the head is up. */
function mosaic({ images }: Patches, perRow: number): { png: Uint8Array; width: number; height: number } {
  const zoom = 2;
  const tile = patchEdge * zoom + 2;
  const [width, height] = [perRow * tile, structures.length * tile];
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [row, column] = [Math.floor(y / tile), Math.floor(x / tile)];
      const [v, u] = [Math.floor((y % tile) / zoom), Math.floor((x % tile) / zoom)];
      if (u >= patchEdge || v >= patchEdge) continue;
      const pixel = ((row * perRow + column) * patchEdge + (patchEdge - 1 - v)) * patchEdge + u;
      data[y * width + x] = Math.max(0, Math.min(255, Math.round((images[pixel]! / 1.3) * 255)));
    }
  return { png: encode({ width, height, data, depth: 8, channels: 1 }), width, height };
}

function limits({ extent }: Results): StudyBlock[] {
  return [
    {
      kind: "text",
      text: `The networks have at most a hundred thousand weights where the paper's have millions, and ${extent.dense.steps} and ${extent.conv.steps} steps where the paper's had tens of thousands and tens of millions. The convolutional network is a plain stack, not Inception; learning rates are constant, where the paper lets them decay; dropout, weight decay and photometric distortion, which the paper lessens along with batch normalisation, are not used at all. The network without batch normalisation has not finished learning when its best accuracy is taken, which makes the target easier for the others.`,
    },
  ];
}
