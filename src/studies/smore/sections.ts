import { type Band, bandChart } from "../../report/bands.js";
import { type MontagePanel, montage } from "../../report/montage.js";
import type { StudyBlock, StudySection } from "../../report/study.js";
import { axes, axisNames, lecture, lectureFull, type Method, methods, shownMm, titles } from "./plan.js";
import type { Cut, Evidence, Judged, Scores } from "./score.js";

const colors: Readonly<Record<Method, string>> = {
  linear: "#bbbbbb",
  cubic: "#0072b2",
  fourier: "#56b4e9",
  ssr: "#e69f00",
  smore: "#d55e00",
  full: "#009e73",
};

/** The report below the table of claims. */
export function sectionsOf(evidence: Evidence, real: boolean): StudySection[] {
  return [
    {
      id: "simulated",
      heading: "Simulated heads",
      blocks: [charts(evidence, false), diceTable(evidence), ...qualityTables(evidence, false)],
    },
    ...(real
      ? [
          {
            id: "real",
            heading: "A real head",
            blocks: [charts(evidence, true), realTable(evidence), ...qualityTables(evidence, true)],
          },
        ]
      : []),
    { id: "images", heading: "Images", blocks: pictures(evidence.judged) },
    {
      id: "limits",
      heading: "What this does not show",
      blocks: [
        {
          kind: "text",
          text: "Slices are simulated with the Gaussian profile that SMORE then takes them to have, without gaps: of a scanner's own slices the profile is known less well. Simulated heads have the same texture in all directions, which favours learning within planes; the real head is one. Networks have a fraction of the paper's channels and blocks and train for a minute or less.",
        },
      ],
    },
  ];
}

const shownMethods: readonly Method[] = ["linear", "cubic", "fourier", "smore", "full"];

function charts({ mean, thicknessesMm }: Evidence, real: boolean): StudyBlock {
  const bandsOf = (measure: keyof Scores, of: readonly Method[]): Band[] =>
    of.map((method) => ({
      name: titles[method],
      color: colors[method],
      points: thicknessesMm.map((mm) => {
        const found = mean(real, method, mm, measure);
        return { x: mm, y: found.mean, low: found.low ?? found.mean, high: found.high ?? found.mean };
      }),
    }));
  const xLabel = "Slice thickness (mm)";
  const imaged = shownMethods.filter((method) => method !== "full");
  return {
    kind: "charts",
    charts: [
      {
        title: "PSNR",
        chart: bandChart({ xLabel, yLabel: "PSNR (dB)", bands: bandsOf("psnrDb", imaged) }),
      },
      {
        title: "Dice",
        chart: bandChart({ xLabel, yLabel: "Dice", bands: bandsOf("dice", real ? imaged : shownMethods) }),
      },
    ],
    caption: `Means ${real ? "over the three axes" : "over heads"}, band: 95 % interval.`,
  };
}

/** The lecture's table, its values beside ours. */
function diceTable({ mean, thicknessesMm }: Evidence): StudyBlock {
  const dice = (method: Method, mm: number): string => mean(false, method, mm, "dice").mean.toFixed(4);
  return {
    kind: "table",
    caption: `Dice by slice thickness. The lecture's are of ventricles, at full resolution ${lectureFull}.`,
    columns: [
      { heading: "Thickness (mm)", numeric: true },
      ...(["linear", "cubic", "fourier", "smore", "full"] as const).map((method) => ({
        heading: titles[method],
        numeric: true,
        group: "Tissues, here",
      })),
      { heading: "Interpolated", numeric: true, group: "Lecture" },
      { heading: "SMORE", numeric: true, group: "Lecture" },
    ],
    rows: thicknessesMm.map((mm) => [
      `${mm}`,
      ...shownMethods.map((method) => dice(method, mm)),
      ...(lecture[mm] ?? ["–", "–"]).map(String),
    ]),
  };
}

function realTable({ judged, thicknessesMm }: Evidence): StudyBlock {
  return {
    kind: "table",
    caption:
      "Dice of the three tissues with the segmentation of the full resolution, by the axis across the slices.",
    columns: [
      { heading: "Thickness (mm)", numeric: true },
      ...axes.flatMap((axis) =>
        (["cubic", "smore"] as const).map((method) => ({
          heading: titles[method],
          numeric: true,
          group: axisNames[axis],
        })),
      ),
    ],
    rows: thicknessesMm.map((mm) => [
      `${mm}`,
      ...axes.flatMap((axis) => {
        const found = judged.find((one) => one.real && one.id === axisNames[axis] && one.thicknessMm === mm);
        return (["cubic", "smore"] as const).map((method) => found?.scores[method]?.dice.toFixed(4) ?? "–");
      }),
    ]),
  };
}

function qualityTables({ mean, values, thicknessesMm }: Evidence, real: boolean): StudyBlock[] {
  const imaged = methods.filter((method) => method !== "full");
  const means = `Means over ${real ? "the three axes" : "heads"}.`;
  return (["psnrDb", "ssim"] as const).map((measure): StudyBlock => {
    const cell = (method: Method, mm: number): string =>
      values(real, method, mm, measure).length === 0
        ? "–"
        : mean(real, method, mm, measure).mean.toFixed(measure === "ssim" ? 4 : 2);
    return {
      kind: "table",
      caption:
        measure === "ssim" ? `SSIM, higher is better. ${means}` : `PSNR in dB, higher is better. ${means}`,
      columns: [
        { heading: "Thickness (mm)", numeric: true },
        ...imaged.map((method) => ({ heading: titles[method], numeric: true })),
      ],
      rows: thicknessesMm.map((mm) => [`${mm}`, ...imaged.map((method) => cell(method, mm))]),
    };
  });
}

/** Every method beside the full resolution, and what it is off by. */
function pictures(judged: readonly Judged[]): StudyBlock[] {
  return judged.flatMap((one): StudyBlock[] => {
    const cuts = one.cuts;
    const full = cuts?.full;
    if (cuts === undefined || full === undefined) return [];
    const shown = (["linear", "cubic", "fourier", "smore"] as const).filter((method) => cuts[method]);
    const high = Math.max(...full.values);
    const panel = (
      cut: Cut,
      name: string,
      window: [number, number],
      colors: "grey" | "diverging",
    ): MontagePanel => ({
      name,
      data: Float32Array.from(cut.values),
      width: cut.edge,
      height: cut.edge,
      window,
      colors,
      turned: true,
    });
    const off = (cut: Cut): Cut => ({
      edge: cut.edge,
      values: cut.values.map((value, v) => value - full.values[v]!),
    });
    const rows = [
      [
        ...shown.map((method) => panel(cuts[method]!, titles[method], [0, high], "grey")),
        panel(full, titles.full, [0, high], "grey"),
      ],
      [
        ...shown.map((method) => panel(off(cuts[method]!), "error", [-high / 4, high / 4], "diverging")),
        null,
      ],
    ];
    const names = [...shown, "full" as const].map((method) => titles[method]).join(", ");
    const what = one.real ? `The real head, slices from ${one.id}` : `A simulated head (${one.id})`;
    const text = `${what}, ${shownMm} mm thick and one above the other; the middle of a plane across them. From left to right: ${names}. Below: what each is off by, ± a quarter of the brightest.`;
    return [{ kind: "picture", ...montage({ panelPixels: 192, rows }), alternative: text, caption: text }];
  });
}
