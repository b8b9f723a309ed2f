import { type Band, bandChart } from "../../report/bands.js";
import { type MontagePanel, montage } from "../../report/montage.js";
import type { StudyBlock, StudySection } from "../../report/study.js";
import { levels, levelsOf, type Method, methods, realMethods, titles, trainedLevel } from "./plan.js";
import {
  type Cut,
  type Evidence,
  type Judged,
  type Place,
  type Scores,
  type TestSet,
  zoomOf,
} from "./score.js";

const words: Readonly<Record<Place, string>> = { brain: "in the brain", field: "over the whole field" };

const colors: Readonly<Record<Method, string>> = {
  noisy: "#bbbbbb",
  gaussian: "#8c8c8c",
  median: "#b07aa1",
  tv: "#76b7b2",
  nlm: "#56b4e9",
  bm4d: "#0072b2",
  cnn3d: "#e69f00",
  perceptual: "#cc79a7",
  critic: "#f0c000",
  "red-wgan": "#d55e00",
  "cnn3d-mixed": "#882255",
  mixed: "#009e73",
  real: "#332288",
};

/** The report below the table of claims. */
export function sectionsOf(evidence: Evidence): StudySection[] {
  const real = evidence.judged.some(({ set }) => set !== "simulated");
  return [
    {
      id: "results",
      heading: "Held-out heads",
      blocks: [chart(evidence), ...levelTables(evidence, "simulated")],
    },
    { id: "terms", heading: "Terms of the loss", blocks: [termsTable(evidence)] },
    { id: "images", heading: "Images", blocks: pictures(evidence.judged, "simulated", methods) },
    ...(real ? [realSection(evidence)] : []),
    {
      id: "limits",
      heading: "What this does not show",
      blocks: [
        {
          kind: "text",
          text: "Simulated heads have less texture than people do. The networks have a fraction of the paper's channels and one level less, no batch norm, values in units of the noise in place of a fixed range, begin as the identity, and train for minutes; the critic's head is pooled; the perceptual term judges by a network that has learnt to label tissue in clean simulated heads, where the paper has VGG-19 of photographs. Classic methods and networks of all levels are told the noise that was added, which in practice has to be estimated.",
        },
      ],
    },
  ];
}

function chart({ mean }: Evidence): StudyBlock {
  const shown: readonly Method[] = ["noisy", "gaussian", "nlm", "bm4d", "cnn3d-mixed", "red-wgan", "mixed"];
  const bands = shown.map((method): Band => {
    const points = levelsOf(method).map((level) => {
      const found = mean(method, level, "brain", "psnrDb")!;
      return { x: level, y: found.mean, low: found.low ?? found.mean, high: found.high ?? found.mean };
    });
    return { name: titles[method], color: colors[method], points };
  });
  return {
    kind: "charts",
    charts: [
      { title: "In the brain", chart: bandChart({ xLabel: "Noise (%)", yLabel: "PSNR (dB)", bands }) },
    ],
    caption: "Mean PSNR over held-out heads, band: 95 % interval.",
  };
}

const measures: Readonly<Record<keyof Scores, { readonly name: string; readonly digits: number }>> = {
  psnrDb: { name: "PSNR, dB (higher is better)", digits: 2 },
  ssim: { name: "SSIM (higher is better)", digits: 3 },
  edgeRatio: {
    name: "Edge energy over the clean head's (1 is right; below is blurred, above has noise left)",
    digits: 2,
  },
};

/** A measure of the methods by level of noise: of simulated heads or of real ones. */
function levelTable(
  { mean }: Evidence,
  place: Place,
  measure: keyof Scores,
  set: "simulated" | "real" = "simulated",
): StudyBlock {
  const { name, digits } = measures[measure];
  const simulated = set === "simulated";
  const heads = simulated
    ? `means over held-out heads ${words[place]}`
    : place === "brain"
      ? "a T1 head with noise added to what is taken for clean, where that is brighter than air"
      : "the same head, over the whole field";
  return {
    kind: "table",
    caption: `${name}: ${heads}.`,
    columns: [
      { heading: "Method" },
      ...levels.map((level) => ({ heading: `${level} %`, numeric: true, group: "Noise" })),
    ],
    rows: (simulated ? methods : realMethods)
      .filter((method) => method !== "perceptual" && method !== "critic")
      .map((method) => [
        titles[method],
        ...levels.map((level) => mean(method, level, place, measure, set)?.mean.toFixed(digits) ?? "–"),
      ]),
  };
}

/** The five tables of simulated heads or of real ones. */
const levelTables = (evidence: Evidence, set: "simulated" | "real"): StudyBlock[] => [
  ...(["brain", "field"] as const).flatMap((place) => [
    levelTable(evidence, place, "psnrDb", set),
    levelTable(evidence, place, "ssim", set),
  ]),
  levelTable(evidence, "brain", "edgeRatio", set),
];

function termsTable({ mean }: Evidence): StudyBlock {
  const shown: readonly Method[] = ["noisy", "bm4d", "cnn3d", "perceptual", "critic", "red-wgan"];
  const cells = (method: Method): string[] =>
    (["brain", "field"] as const).flatMap((place) =>
      (["psnrDb", "ssim", "edgeRatio"] as const).map((measure) =>
        mean(method, trainedLevel, place, measure)!.mean.toFixed(measures[measure].digits),
      ),
    );
  return {
    kind: "table",
    caption: `What each term adds at ${trainedLevel} % noise: networks that went on from the same weights for equally many steps. Edges: edge energy over the clean head's.`,
    columns: [
      { heading: "Method" },
      ...(["brain", "field"] as const).flatMap((place) =>
        ["PSNR (dB) ↑", "SSIM ↑", "Edges → 1"].map((heading) => ({
          heading,
          numeric: true,
          group: words[place],
        })),
      ),
    ],
    rows: shown.map((method) => [titles[method], ...cells(method)]),
  };
}

function realSection(evidence: Evidence): StudySection {
  const { mean, judged } = evidence;
  const has = (set: TestSet): boolean => judged.some((one) => one.set === set);
  const measured = ["psnrDb", "ssim", "edgeRatio"] as const;
  const repeats: StudyBlock = {
    kind: "table",
    caption:
      "Repetitions of an ASL series with their own noise, each beside the mean of the others, where that is brighter than air.",
    columns: [
      { heading: "Method" },
      ...["PSNR (dB) ↑", "SSIM ↑", "Edges → 1"].map((heading) => ({ heading, numeric: true })),
    ],
    rows: realMethods.map((method) => [
      titles[method],
      ...measured.map(
        (measure) =>
          mean(method, 0, "brain", measure, "repeat")?.mean.toFixed(measures[measure].digits) ?? "–",
      ),
    ]),
  };
  return {
    id: "real",
    heading: "Real scans",
    blocks: [
      ...(has("real") ? levelTables(evidence, "real") : []),
      ...(has("repeat") ? [repeats] : []),
      ...pictures(judged, "real", realMethods),
    ],
  };
}

function pictures(judged: readonly Judged[], set: TestSet, shown: readonly Method[]): StudyBlock[] {
  const order: readonly string[] = ["clean", ...shown];
  const cuts = order.flatMap((name) => {
    const found = judged.find((one) => one.set === set && one.method === name && one.cut !== undefined);
    return found?.cut === undefined ? [] : [{ name, cut: found.cut }];
  });
  if (cuts.length === 0) return [];
  const high = Math.max(...cuts[0]!.cut.values);
  const panel = ({ edge, values }: Cut, name: string): MontagePanel => ({
    name,
    data: Float32Array.from(values),
    width: edge,
    height: edge,
    window: [0, high],
    colors: "grey",
    turned: true,
  });
  const nameOf = (name: string): string => (name === "clean" ? "clean" : titles[name as Method]);
  const what = set === "real" ? "the real head" : "a held-out head";
  const picture = (share: number, part: string): StudyBlock => {
    const rows: (typeof cuts)[] = [];
    for (let from = 0; from < cuts.length; from += 5) rows.push(cuts.slice(from, from + 5));
    const drawn = montage({
      panelPixels: 190,
      rows: rows.map((row) => row.map(({ cut, name }) => panel(zoomOf(cut, share), nameOf(name)))),
    });
    const lines = rows.map((row) => row.map(({ name }) => nameOf(name)).join(", "));
    const text = `${part} of an axial slice of ${what} with ${trainedLevel} % noise; row by row, from left to right: ${lines.join("; ")}.`;
    return { kind: "picture", ...drawn, alternative: text, caption: text };
  };
  return [
    picture(1, "The middle"),
    picture(0.43, "The same, more than twice as large: the middle of the middle"),
  ];
}
