import type { Interval } from "../../metrics/classification/intervals.js";
import { judge, judgeInterval, type Stated, say } from "../judge.js";
import type { Conclusion, ShownClaim } from "../study.js";
import { wilson } from "../wilson.js";
import { type Findings, keys, numbersOf } from "./findings.js";
import { paperTable, review } from "./paper.js";
import { dataOf, idOf, labelings, type SliceData, type SliceSplit, trialsOf } from "./plan.js";
import { auditRecords, isRight } from "./records.js";
import { auditSchema, looksSchema, networkSchema, selectionSchema, slicesSchema } from "./results.js";
import { sectionsOf } from "./sections.js";
import { dataWords } from "./slices.js";

type Numbers = Readonly<Record<string, Interval>>;

const shuffledWords = {
  true: "with the diagnoses",
  shuffled: "with diagnoses dealt at random among the heads",
};

/** Judge the claims: what holds is decided by intervals over subjects, of linear studies over draws. */
export function conclude(findings: Findings): Conclusion {
  const numbers = numbersOf(findings);
  const claims = [
    ...frameworkClaims(numbers),
    ...dataOf(findings.extent).flatMap((data) => leakClaims(numbers, data)),
    cleanClaim(numbers),
    ...dataOf(findings.extent).flatMap((data) => auditClaims(findings, data)),
    ...lateClaims(numbers, findings),
    ...looksClaims(findings),
    recordsClaim(findings),
    reviewClaim(numbers),
  ];
  return { claims, notes: notesOf(findings), sections: sectionsOf(findings, numbers) };
}

const byNumber = (numbers: Numbers, key: string, stated: Omit<Stated, "id">): ShownClaim =>
  judgeInterval({ id: key.replaceAll("/", "-"), ...stated }, numbers[key]!);

const points = (value: number): number => Number((100 * value).toFixed(1));

function frameworkClaims(numbers: Numbers): ShownClaim[] {
  const paper = paperTable;
  const three = (paper.pretrained!.test + paper.roi!.test + paper.multi!.test) / 3;
  const rows = [paper.pretrained!, paper.roi!, paper.multi!, paper.svm!];
  const mean = (of: (row: (typeof rows)[number]) => number): number =>
    rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  return [
    byNumber(numbers, "three-d-less-slice", {
      statement:
        "3-D networks are better than 2-D slices: difference of balanced accuracy, AD against CN (the paper's from memory)",
      paper: points(three - paper.slice!.test),
      unit: "points",
      holds: { above: 0 },
    }),
    byNumber(numbers, "networks-less-svm", {
      statement:
        "3-D networks are not better than the linear SVM: their mean balanced accuracy less its own, not 5 points or more (the paper's from memory)",
      paper: points(three - paper.svm!.test),
      unit: "points",
      holds: { below: 5 },
    }),
    byNumber(numbers, "test-less-external", {
      statement:
        "Models lose on a cohort that differs: balanced accuracy on the test set less the shifted cohort, five frameworks and the SVM (the paper's from memory)",
      paper: points(mean(({ test, external }) => test - external!)),
      unit: "points",
      holds: { above: 0 },
    }),
    byNumber(numbers, "pair-less-mild", {
      statement:
        "sMCI against pMCI is harder than AD against CN: difference of balanced accuracy, five frameworks and the SVM (the paper's from memory)",
      paper: points(mean(({ test, mild }) => test - mild!)),
      unit: "points",
      holds: { above: 0 },
    }),
    byNumber(numbers, "transfer-less-scratch", {
      statement:
        "Networks that know AD against CN learn sMCI against pMCI better than from random weights: difference of AUC, subject and ROI",
      paper: "transferred",
      unit: "points",
      holds: { above: 0 },
    }),
  ];
}

function leakClaims(numbers: Numbers, data: SliceData): ShownClaim[] {
  const whose = dataWords[data];
  const paper = { true: "1.00 in validation (from memory)", shuffled: "not measured" };
  return labelings.flatMap((labels) => {
    const how = shuffledWords[labels];
    const leaky = (figure: "accuracy" | "heads") => numbers[keys.slices(figure, data, "slices", labels)]!;
    const honest = keys.slices("accuracy", data, "subjects", labels);
    return [
      judgeInterval(
        {
          id: `leaky-${data}-${labels}`,
          statement: `Slices of ${whose} split one by one, ${how}: balanced accuracy of held-out slices above 0.9`,
          paper: "not given by slice",
          unit: "share",
          holds: { above: 0.9 },
        },
        leaky("accuracy"),
      ),
      judgeInterval(
        {
          id: `leaky-heads-${data}-${labels}`,
          statement: `The same, ${how}: balanced accuracy of heads, by the mean of their held-out slices, above 0.9`,
          paper: paper[labels],
          unit: "share",
          holds: { above: 0.9 },
        },
        leaky("heads"),
      ),
      judgeInterval(
        {
          id: `honest-${data}-${labels}`,
          statement: `The same slices split by head, ${how}: balanced accuracy below ${labels === "true" ? "0.9" : "0.65"}`,
          paper: labels === "true" ? "0.76 on the clean test (from memory)" : "0.50 expected",
          unit: "share",
          holds: { below: labels === "true" ? 0.9 : 0.65 },
        },
        numbers[honest]!,
      ),
      byNumber(numbers, `biased/${data}/${labels}`, {
        statement: `What the biased split of ${whose} adds to balanced accuracy, ${how}`,
        paper: labels === "true" ? 24 : "not measured",
        unit: "points",
        holds: { above: 0 },
      }),
    ];
  });
}

function cleanClaim(numbers: Numbers): ShownClaim {
  return byNumber(numbers, "clean-difference", {
    statement:
      "On heads that neither network knows, that of the leaky split is no better than the honest one: balanced accuracy of slices, less than 10 points",
    paper: "0.76 beside 1.00 (from memory)",
    unit: "points",
    holds: { below: 10 },
  });
}

function auditClaims({ read }: Findings, data: SliceData): ShownClaim[] {
  const claim = (split: SliceSplit): ShownClaim => {
    const { found, matched, right, held } = auditSchema.parse(read(idOf({ kind: "audit", data, split })));
    const leaky = split === "slices";
    const [low, high] = wilson(matched, held);
    const ours = matched / held;
    return {
      id: `audit-${leaky ? "flags" : "passes"}-${data}`,
      statement: leaky
        ? `The audit flags the split of slices of ${dataWords[data]} by content alone: share of ${held} held-out slices whose head it found in training (${right} of ${matched} pairs are of one head)`
        : `The audit passes the split of ${dataWords[data]} by head: share of ${held} held-out slices whose head it took to be in training`,
      paper: "no such tool",
      ours,
      interval: [low, high],
      holds: leaky ? found && right > 0.9 * matched && right > 0 : !found,
      shown: {
        paper: "no such tool",
        ours: say(ours, "share"),
        interval: `${say(low, "share")} to ${say(high, "share")}`,
      },
    };
  };
  return [claim("slices"), claim("subjects")];
}

function lateClaims(numbers: Numbers, { read, rng }: Findings): ShownClaim[] {
  const found = selectionSchema.parse(read("selection"));
  return [
    ...labelings.map((labels) =>
      judge(
        {
          id: `late-selection-${labels}`,
          statement: `What selecting voxels before the split adds to balanced accuracy, ${shuffledWords[labels]}`,
          paper: "not measured",
          values: found[labels].reported.map((value, n) => value - found[labels].honest[n]!),
          unit: "points",
          holds: { above: 0 },
        },
        rng,
      ),
    ),
    byNumber(numbers, "late-less-pretrained", {
      statement:
        "Pre-training the autoencoder on the held-out subjects as well adds less than 5 points to AUC",
      paper: "not measured",
      unit: "points",
      holds: { below: 5 },
    }),
  ];
}

function looksClaims({ read, extent, rng }: Findings): ShownClaim[] {
  const found = looksSchema.parse(read("looks"));
  const most = found.true.looks.at(-1)!;
  const networkLooks = Array.from({ length: extent.folds }, (_, fold) =>
    networkSchema.parse(read(idOf({ kind: "network", network: "subject", fold }))),
  );
  return [
    ...labelings.map((labels) =>
      judge(
        {
          id: `no-independent-test-${labels}`,
          statement: `What the best of ${most} looks at the reported set adds to balanced accuracy on the independent one, ${shuffledWords[labels]}`,
          paper: "not measured",
          values: found[labels].reported.map((row, n) => row.at(-1)! - found[labels].independent[n]!.at(-1)!),
          unit: "points",
          holds: { above: 0 },
        },
        rng,
      ),
    ),
    judge(
      {
        id: "stopping-by-the-reported-fold",
        statement:
          "What it adds to report the validation fold by which a 3-D subject network's weights were chosen, less the test set",
        paper: "not measured",
        values: networkLooks.map(({ looks, test }) => Math.max(...looks) - accuracyOf(test)),
        unit: "points",
        holds: { above: 0 },
      },
      rng,
    ),
  ];
}

function accuracyOf(
  judgements: readonly { readonly positive: boolean; readonly probability: number }[],
): number {
  const rate = (positive: boolean): number => {
    const own = judgements.filter((one) => one.positive === positive);
    return own.filter(({ probability }) => probability >= 0.5 === positive).length / own.length;
  };
  return (rate(true) + rate(false)) / 2;
}

function recordsClaim(findings: Findings): ShownClaim {
  const all = auditRecords(findings);
  const right = all.filter(isRight).length;
  const wrong = all.filter((one) => !isRight(one)).map(({ what }) => what);
  const [low, high] = wilson(right, all.length);
  return {
    id: "audit-reads-records",
    statement: `The audit of what the trainings here were given finds late pre-training, late selection and choices by the reported set, and nothing in the honest ones: share of ${all.length} records${wrong.length > 0 ? ` (not: ${wrong.slice(0, 5).join("; ")})` : ""}`,
    paper: "no such tool",
    ours: right / all.length,
    interval: [low, high],
    holds: right === all.length,
    shown: {
      paper: "no such tool",
      ours: say(right / all.length, "share"),
      interval: `${say(low, "share")} to ${say(high, "share")}`,
    },
  };
}

function reviewClaim(numbers: Numbers): ShownClaim {
  return byNumber(numbers, "review/difference", {
    statement: `Accuracy with leakage less accuracy without: in the review the mean of ${review.leaky.papers} papers less that of ${review.honest.papers} (computed from the lecture's tables), here leaky slices less the networks on the test set`,
    paper: points(review.leaky.accuracy - review.honest.accuracy),
    unit: "points",
    holds: { above: 0 },
  });
}

/** Cross-entropy of a network that has learnt nothing of its slices: almost a coin's. */
const unlearntLoss = 0.65;

function unlearntNote({ extent, read }: Findings): string[] {
  const all = [...trialsOf(extent)].flatMap(([id, { kind }]) => (kind === "slices" ? [id] : []));
  const unlearnt = all.filter((id) => slicesSchema.parse(read(id)).loss > unlearntLoss);
  if (unlearnt.length === 0) return [];
  return [
    `${unlearnt.length} of ${all.length} networks of slices did not learn even their training slices (loss above ${unlearntLoss} to the end), so that their numbers say nothing of splits: ${unlearnt.join(", ")}.`,
  ];
}

function notesOf(findings: Findings): string[] {
  const { extent, split, slabs } = findings;
  const least = split.balance
    .filter(({ sides }) => sides.startsWith("test"))
    .map(({ variable, p }) => `${variable} p = ${p.toFixed(2)}`)
    .join(", ");
  const words = {
    read: "Real slabs were read.",
    "not asked for": "Real slabs were not looked at: --data names their folder.",
    "not there":
      "Real slabs were skipped: the folder of --data has no participants.tsv, nor has oasis1-slabs in it.",
  };
  return [
    `Intervals are percentile bootstraps over subjects within their classes, of selection and looks over ${extent.draws} draws, of the chosen fold over ${extent.folds} folds, of the audit Wilson's.`,
    "Balanced accuracy and AUC on the test set and abroad are means over the networks of the folds, as in the paper. Nothing was chosen on these subjects, and no model of the tables was fitted on them but one: the autoencoder of the late split was, which is its point. In the study of looks they judge every setting that is tried, and have no say.",
    "The records that the audit reads are made by this study in the form in which runs write them, from the lists of subjects that its trainings were given.",
    `The test set beside the rest, permutation tests after matching: ${least}.`,
    words[slabs],
    ...unlearntNote(findings),
  ];
}
