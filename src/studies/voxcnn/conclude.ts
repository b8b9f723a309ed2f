import { mean, sampleStandardDeviation } from "simple-statistics";
import type { Rng } from "../../core/rng.js";
import { lineChart } from "../../report/charts.js";
import { colorAt } from "../../report/palette.js";
import type { StudyBlock, StudySection } from "../../report/study.js";
import { judge } from "../judge.js";
import type { Conclusion, ShownClaim } from "../study.js";
import type { DeepResult } from "./deep.js";
import {
  deepId,
  depths,
  type Extent,
  foldId,
  type Kind,
  kinds,
  type NetworkName,
  networkNames,
  type Task,
  tasks,
} from "./plan.js";
import type { FoldResult } from "./trial.js";

export interface Findings {
  readonly extent: Extent;
  readonly fold: (id: string) => FoldResult;
  readonly deep: (id: string) => DeepResult;
  readonly rng: Rng;
}

const words: Readonly<Record<NetworkName, string>> = { voxcnn: "VoxCNN", resnet: "VoxResNet" };
const pair = ({ classes: [negative, positive] }: Pick<Task, "classes">): string =>
  `${positive} against ${negative}`;

/** A task's folds, all repetitions one after the other. */
function foldsOf(
  { extent: { repeats, folds }, fold }: Findings,
  network: NetworkName,
  { classes }: Task,
): FoldResult[] {
  return Array.from({ length: repeats * folds }, (_, n) =>
    fold(foldId({ network, classes, repeat: Math.floor(n / folds), fold: n % folds })),
  );
}

/** Judge the claims: what holds is decided by intervals over folds or repetitions. */
export function conclude(findings: Findings): Conclusion {
  const { extent, rng, deep } = findings;
  const aucs = (network: NetworkName, task: Task): number[] =>
    foldsOf(findings, network, task).map(({ auc }) => auc);
  const [adCn, , , lmciCn, lmciEmci, emciCn] = tasks as [Task, Task, Task, Task, Task, Task];
  const both = (task: Task): number[] => {
    const [a, b] = networkNames.map((network) => aucs(network, task)) as [number[], number[]];
    return a.map((value, n) => (value + b[n]!) / 2);
  };
  const difference = (a: readonly number[], b: readonly number[]): number[] =>
    a.map((value, n) => value - b[n]!);
  const errors = (kind: Kind, layers: number): number[] =>
    Array.from(
      { length: extent.deepRepeats },
      (_, repeat) => deep(deepId({ shortcuts: kind, layers, repeat })).error,
    );
  const claims: ShownClaim[] = [
    ...tasks.map((task) => alike(findings, task)),
    judge(
      {
        id: "dementia-from-controls",
        statement: "AUC of dementia against controls, both networks, above 0.8",
        paper: 0.875,
        values: both(adCn),
        unit: "share",
        holds: { above: 0.8 },
      },
      rng,
    ),
    judge(
      {
        id: "late-before-early",
        statement: "Late impairment is told from controls better than early: difference of AUC",
        paper: 8.5,
        values: difference(both(lmciCn), both(emciCn)),
        unit: "points",
        holds: { above: 0 },
      },
      rng,
    ),
    judge(
      {
        id: "neighbours-are-hard",
        statement:
          "Late against early impairment is harder than dementia against controls: difference of AUC",
        paper: 38,
        values: difference(both(adCn), both(lmciEmci)),
        unit: "points",
        holds: { above: 0 },
      },
      rng,
    ),
    ...covered(findings, adCn),
    judge(
      {
        id: "deeper-plain-is-worse",
        statement: "Training error of a plain network: 56 layers less 20",
        paper: "higher (He et al. 2015)",
        values: difference(errors("plain", 56), errors("plain", 20)),
        unit: "points",
        holds: { above: 0 },
      },
      rng,
    ),
    judge(
      {
        id: "shortcuts-mend-it",
        statement: "Training error of 56 layers: plain less residual",
        paper: "higher (He et al. 2015)",
        values: difference(errors("plain", 56), errors("residual", 56)),
        unit: "points",
        holds: { above: 0 },
      },
      rng,
    ),
  ];
  return {
    claims,
    notes: [
      `Intervals are over ${extent.repeats * extent.folds} folds (${extent.folds} folds, drawn ${extent.repeats === 1 ? "once" : `${extent.repeats} times`}), of the deep networks over ${extent.deepRepeats} repetition(s), of what is covered over people. Folds share training subjects, so that such intervals are too narrow.`,
      "The paper watched the folds that it reports while training; here the last weights are judged, once.",
    ],
    sections: [tableSection(findings), deepSection(findings)],
  };
}

/** The two networks within one standard deviation of each other, as the paper concludes of every task. */
function alike(findings: Findings, task: Task): ShownClaim {
  const [a, b] = networkNames.map((network) => foldsOf(findings, network, task).map(({ auc }) => auc)) as [
    number[],
    number[],
  ];
  const sd = Math.sqrt((variance(a) + variance(b)) / 2);
  const differences = a.map((value, n) => value - b[n]!);
  const paper = task.auc.voxcnn[0] - task.auc.resnet[0];
  const shown = judge(
    {
      id: `alike-${task.classes.join("-").toLowerCase()}`,
      statement: `${pair(task)}: AUC of VoxCNN less VoxResNet, within one standard deviation over folds (${(100 * sd).toFixed(0)} points)`,
      paper: Number((100 * paper).toFixed(1)),
      values: differences,
      unit: "points",
      holds: { above: -1 },
    },
    findings.rng,
  );
  return { ...shown, holds: Math.abs(mean(differences)) <= sd };
}

function covered(findings: Findings, task: Task): ShownClaim[] {
  const { extent, fold, rng } = findings;
  return networkNames.flatMap((network) => {
    const found = Array.from({ length: extent.folds }, (_, at) =>
      fold(foldId({ network, classes: task.classes, repeat: 0, fold: at })),
    ).flatMap(({ occlusion }) => occlusion ?? []);
    // One person has no interval.
    if (found.length < 2) return [];
    return [
      judge(
        {
          id: `looks-at-the-disease-${network}`,
          statement: `${words[network]}: covering voxels of hippocampi and ventricles costs more probability of dementia than covering others of the brain, of ${found.length} people whom the network does not know`,
          paper: "they light up",
          values: found.map(({ sites, elsewhere }) => sites - elsewhere),
          unit: "points",
          holds: { above: 0 },
        },
        rng,
      ),
    ];
  });
}

const variance = (values: readonly number[]): number =>
  values.length < 2 ? 0 : sampleStandardDeviation([...values]) ** 2;

const show = ([m, sd]: readonly [number, number]): string => `${m.toFixed(2)} ± ${sd.toFixed(2)}`;

function tableSection(findings: Findings): StudySection {
  const ours = (network: NetworkName, task: Task, figure: "auc" | "accuracy"): string => {
    const values = foldsOf(findings, network, task).map((one) => one[figure]);
    return show([mean(values), Math.sqrt(variance(values))]);
  };
  const numeric = true;
  const block: StudyBlock = {
    kind: "table",
    caption:
      "Mean and standard deviation over folds. The paper's are of ADNI, these of simulated subjects: the order of the tasks can be compared, the numbers cannot.",
    columns: [
      { heading: "Task" },
      { heading: "Network" },
      { heading: "AUC, paper", numeric },
      { heading: "AUC, here", numeric },
      { heading: "accuracy, paper", numeric },
      { heading: "accuracy, here", numeric },
    ],
    rows: tasks.flatMap((task) =>
      networkNames.map((network) => [
        pair(task),
        words[network],
        show(task.auc[network]),
        ours(network, task, "auc"),
        show(task.accuracy[network]),
        ours(network, task, "accuracy"),
      ]),
    ),
  };
  return { id: "six-tasks", heading: "Six tasks", blocks: [block] };
}

function deepSection({ extent, deep }: Findings): StudySection {
  const runs = depths.flatMap((layers) => kinds.map((kind) => ({ layers, kind })));
  const results = runs.map(({ layers, kind }) => ({
    name: `${kind}, ${layers} layers`,
    found: Array.from({ length: extent.deepRepeats }, (_, repeat) =>
      deep(deepId({ shortcuts: kind, layers, repeat })),
    ),
  }));
  const chart = lineChart({
    xLabel: "Step",
    yLabel: "Error on training batches",
    series: results.map(({ name, found }, at) => ({
      name,
      color: colorAt(at),
      style: "line" as const,
      points: found[0]!.steps.map((x, n) => ({ x, y: mean(found.map(({ errors }) => errors[n]!)) })),
    })),
  });
  return {
    id: "degradation",
    heading: "Deeper networks",
    blocks: [
      {
        kind: "charts",
        charts: [{ title: "Training error", chart }],
        caption:
          "Mean over repetitions. He et al. found deeper plain networks worse on the very images that they are trained on, which is no overfitting, and shortcuts that cost nothing mending it; the claims say whether it is so here.",
      },
      {
        kind: "table",
        caption: "Error over the last tenth of the steps.",
        columns: [{ heading: "Network" }, { heading: "Training error", numeric: true }],
        rows: results.map(({ name, found }) => {
          const values = found.map(({ error }) => error);
          return [name, show([mean(values), Math.sqrt(variance(values))])];
        }),
      },
    ],
  };
}
