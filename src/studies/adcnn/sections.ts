import { mean } from "simple-statistics";
import type { Interval } from "../../metrics/classification/intervals.js";
import { bandChart } from "../../report/bands.js";
import { lineChart } from "../../report/charts.js";
import { colorAt } from "../../report/palette.js";
import type { StudyBlock, StudySection } from "../../report/study.js";
import { type Findings, isJudged, keys, type SetName, setNames } from "./findings.js";
import { paperTable, review } from "./paper.js";
import { dataOf, frameworks, idOf, labelings, models, modelWords, splits } from "./plan.js";
import { auditSchema, looksSchema, networkSchema, selectionSchema } from "./results.js";
import { dataWords } from "./slices.js";

type Numbers = Readonly<Record<string, Interval>>;

const numeric = true;
const show = (value: number | null | undefined): string => (value == null ? "–" : value.toFixed(2));
const shown = ({ value, low, high }: Interval): string =>
  `${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;

const setWords: Readonly<Record<SetName, string>> = {
  test: "AD against CN, test",
  external: "AD against CN, shifted cohort",
  mild: "pMCI against sMCI, test",
};

export function sectionsOf(findings: Findings, numbers: Numbers): StudySection[] {
  return [
    {
      id: "frameworks",
      heading: "The frameworks",
      blocks: [...setNames.map((set) => frameworkTable(numbers, set)), learningChart(findings)],
    },
    { id: "biased-split", heading: "Biased split", blocks: biasedBlocks(findings, numbers) },
    { id: "late-split", heading: "Late split", blocks: [lateTable(findings, numbers)] },
    { id: "no-independent-test", heading: "No independent test", blocks: [looksChart(findings)] },
    { id: "review", heading: "Beside the review", blocks: [reviewTable(numbers)] },
  ];
}

function frameworkTable(numbers: Numbers, set: SetName): StudyBlock {
  const about = {
    test: "The paper's numbers are from memory and approximate, of ADNI, these of simulated subjects: the order can be compared, the numbers cannot.",
    external: "The paper's are of OASIS, from memory.",
    mild: "Networks go on from AD against CN, linear classifiers learn it afresh. The paper's are of ADNI, from memory.",
  };
  return {
    kind: "table",
    caption: `${setWords[set]}: balanced accuracy and AUC with 95 % intervals by subject, means over the networks of the folds. ${about[set]}`,
    columns: [
      { heading: "Model" },
      { heading: "Balanced accuracy, paper", numeric },
      { heading: "Balanced accuracy, here", numeric },
      { heading: "AUC, here", numeric },
    ],
    rows: models
      .filter((model) => isJudged(set, model))
      .map((model) => [
        modelWords[model],
        show(paperTable[model]?.[set]),
        shown(numbers[keys.accuracy(set, model)]!),
        shown(numbers[keys.auc(set, model)]!),
      ]),
  };
}

function learningChart({ extent, read }: Findings): StudyBlock {
  const series = frameworks.map((network, at) => {
    const folds = Array.from({ length: extent.folds }, (_, fold) =>
      networkSchema.parse(read(idOf({ kind: "network", network, fold }))),
    );
    const looks = Math.min(...folds.map(({ looks: own }) => own.length));
    return {
      name: modelWords[network],
      color: colorAt(at),
      style: "line" as const,
      points: Array.from({ length: looks }, (_, look) => ({
        x: look + 1,
        y: mean(folds.map(({ looks: own }) => own[look]!)),
      })),
    };
  });
  const chart = lineChart({ xLabel: "Look", yLabel: "Balanced accuracy, validation fold", series });
  return {
    kind: "charts",
    charts: [{ title: "Validation while training", chart }],
    caption: "Mean over folds. The best look chose each network's weights.",
  };
}

function biasedBlocks({ extent, read }: Findings, numbers: Numbers): StudyBlock[] {
  const split = { slices: "slice by slice", subjects: "by head" } as const;
  const given = { true: "diagnoses", shuffled: "dealt at random" } as const;
  const table: StudyBlock = {
    kind: "table",
    caption:
      "Balanced accuracy of a network of slices on held-out slices, each counted by itself, with intervals by head; on heads by the mean of their held-out slices; and on slices of heads that no split has. The same network, the same number of epochs. AUC is of slices.",
    columns: [
      { heading: "Data" },
      { heading: "Labels" },
      { heading: "Split" },
      { heading: "Slices", numeric },
      { heading: "AUC", numeric },
      { heading: "Heads", numeric },
      { heading: "Clean test", numeric },
    ],
    rows: dataOf(extent).flatMap((data) =>
      labelings.flatMap((labels) =>
        splits.map((one) => [
          dataWords[data],
          given[labels],
          split[one],
          shown(numbers[keys.slices("accuracy", data, one, labels)]!),
          shown(numbers[keys.slices("auc", data, one, labels)]!),
          shown(numbers[keys.slices("heads", data, one, labels)]!),
          data === "simulated" && labels === "true" ? shown(numbers[keys.clean(one)]!) : "–",
        ]),
      ),
    ),
  };
  const audits = dataOf(extent).flatMap((data) =>
    splits.map((one) => ({
      data,
      one,
      result: auditSchema.parse(read(idOf({ kind: "audit", data, split: one }))),
    })),
  );
  const found: StudyBlock = {
    kind: "table",
    caption: "The audit of the same splits, by content alone: files have names that mean nothing.",
    columns: [
      { heading: "Data" },
      { heading: "Split" },
      { heading: "Verdict" },
      { heading: "Held-out slices", numeric },
      { heading: "Matched", numeric },
      { heading: "Of one head", numeric },
    ],
    rows: audits.map(({ data, one, result }) => [
      dataWords[data],
      split[one],
      result.found ? "leaks" : "passes",
      `${result.held}`,
      `${result.matched}`,
      `${result.right}`,
    ]),
  };
  const how = audits.map(
    ({ data, one, result }): StudyBlock => ({
      kind: "text",
      text: `${dataWords[data]}, ${split[one]}: ${result.details}`,
    }),
  );
  const pictures = audits.flatMap(({ data, result }) =>
    result.pictures.map(
      ({ png, width, height, words }): StudyBlock => ({
        kind: "picture",
        png: Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0)),
        width,
        height,
        alternative: "A held-out slice beside one of training",
        caption: `${dataWords[data]}: held out on the left, in training on the right; ${words}.`,
      }),
    ),
  );
  return [table, found, ...how, ...pictures];
}

function lateTable({ read }: Findings, numbers: Numbers): StudyBlock {
  const found = selectionSchema.parse(read("selection"));
  const spread = (values: readonly number[]): string =>
    `${mean([...values]).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;
  return {
    kind: "table",
    caption:
      "Voxels selected on everybody and then cross-validated, beside selection within the training folds: mean and range of balanced accuracy over draws of folds (and labels). Pre-training on everybody, beside training subjects alone: AUC on the test set.",
    columns: [
      { heading: "What was fitted before the split" },
      { heading: "Labels" },
      { heading: "As reported", numeric },
      { heading: "Honest", numeric },
    ],
    rows: [
      ...labelings.map((labels) => [
        "selected voxels, linear SVM",
        labels === "true" ? "diagnoses" : "dealt at random",
        spread(found[labels].reported),
        spread(found[labels].honest),
      ]),
      [
        "autoencoder, 3-D subject network",
        "diagnoses",
        shown(numbers[keys.auc("test", "late")]!),
        shown(numbers[keys.auc("test", "pretrained")]!),
      ],
    ],
  };
}

function looksChart({ read }: Findings): StudyBlock {
  const found = looksSchema.parse(read("looks"));
  const charts = labelings.map((labels) => {
    const { looks, reported, independent } = found[labels];
    const band = (name: string, color: string, rows: readonly (readonly number[])[]) => ({
      name,
      color,
      points: looks.map((n, at) => {
        const values = rows.map((row) => row[at]!);
        return {
          x: Math.log10(n),
          y: mean(values),
          low: Math.min(...values),
          high: Math.max(...values),
        };
      }),
    });
    return {
      title: labels === "true" ? "With the diagnoses" : "With diagnoses dealt at random",
      chart: bandChart({
        xLabel: "Looks at the reported set, log10",
        yLabel: "Balanced accuracy",
        mark: 0.5,
        bands: [
          band("reported: best of the looks", colorAt(5), reported),
          band("the same setting, independent test", colorAt(6), independent),
        ],
      }),
    };
  });
  return {
    kind: "charts",
    charts,
    caption:
      "Linear machines on voxels drawn at random, with a C drawn at random; the setting that is best on the reported set is reported. Mean and range over draws.",
  };
}

function reviewTable(numbers: Numbers): StudyBlock {
  const row = (name: string, { accuracy, papers }: { accuracy: number; papers: number }, key: string) => [
    name,
    `${accuracy.toFixed(2)} (${papers} papers)`,
    shown(numbers[key]!),
  ];
  return {
    kind: "table",
    caption:
      "Accuracy of AD against CN. The review's are means over papers, computed from the rows of the lecture's tables; here, balanced accuracy of the honest networks on the test set, and of leaky slices. The papers with leakage leaked in several ways and to several degrees, here all slices of all heads do.",
    columns: [{ heading: "" }, { heading: "Review", numeric }, { heading: "Here", numeric }],
    rows: [
      row("without leakage", review.honest, "review/honest"),
      row("with leakage", review.leaky, "review/leaky"),
    ],
  };
}
