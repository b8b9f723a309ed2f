import { type Band, bandChart } from "../../report/bands.js";
import { type MontagePanel, montage } from "../../report/montage.js";
import type { StudyBlock, StudySection } from "../../report/study.js";
import { levels, type Method, methods, titles, trainedLevel } from "./plan.js";
import type { Evidence, Judged, Place } from "./score.js";

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
  mixed: "#009e73",
};

/** The report below the table of claims. */
export function sectionsOf(evidence: Evidence): StudySection[] {
  return [
    {
      id: "results",
      heading: "Held-out heads",
      blocks: [chart(evidence), table(evidence, "brain"), table(evidence, "field")],
    },
    { id: "images", heading: "Images", blocks: pictures(evidence.judged) },
    {
      id: "limits",
      heading: "What this does not show",
      blocks: [
        {
          kind: "text",
          text: "Simulated heads have less texture than people do. The networks have a quarter of the paper's channels and one level less, begin as the identity, and train for minutes; the critic's head is pooled; the perceptual term judges by random filters, where the paper has VGG-19. The classic methods are told the noise that was added; the networks of one level have learnt 9 % and nothing else, and that of all levels begins with their weights and sees other levels in its own steps only.",
        },
      ],
    },
  ];
}

function chart({ mean }: Evidence): StudyBlock {
  const shown: readonly Method[] = ["noisy", "gaussian", "nlm", "bm4d", "cnn3d", "red-wgan", "mixed"];
  const bands = shown.map((method): Band => {
    const points = levels.map((level) => {
      const found = mean(method, level, "brain", "psnrDb");
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

function table({ mean }: Evidence, place: Place): StudyBlock {
  return {
    kind: "table",
    caption: `Means over held-out heads ${words[place]}. Edges: edge energy over the clean head's; below 1 is blurred, above 1 has noise left.`,
    columns: [
      { heading: "Method" },
      ...levels.flatMap((level) =>
        ["PSNR (dB) ↑", "SSIM ↑", "Edges → 1"].map((heading) => ({
          heading,
          numeric: true,
          group: `${level} % noise`,
        })),
      ),
    ],
    rows: methods.map((method) => [
      titles[method],
      ...levels.flatMap((level) => [
        mean(method, level, place, "psnrDb").mean.toFixed(2),
        mean(method, level, place, "ssim").mean.toFixed(3),
        mean(method, level, place, "edgeRatio").mean.toFixed(2),
      ]),
    ]),
  };
}

function pictures(judged: readonly Judged[]): StudyBlock[] {
  const order: readonly string[] = ["clean", ...methods];
  const cuts = order.flatMap((name) => {
    const cut = judged.find((one) => one.method === name && one.cut !== undefined)?.cut;
    return cut === undefined ? [] : [{ name, cut }];
  });
  const high = Math.max(...(cuts[0]?.cut.values ?? [1]));
  const panels = cuts.map(
    ({ cut: { edge, values } }): MontagePanel => ({
      data: Float32Array.from(values),
      width: edge,
      height: edge,
      window: [0, high],
      colors: "grey",
      turned: true,
    }),
  );
  const rows = [panels.slice(0, 6), panels.slice(6)];
  const picture = montage({ panelPixels: 168, rows });
  const names = cuts.map(({ name }) => (name === "clean" ? "clean" : titles[name as Method]));
  const text = `Middle of an axial slice of a held-out head with ${trainedLevel} % noise; from left to right: ${names.slice(0, 6).join(", ")}; below: ${names.slice(6).join(", ")}.`;
  return [{ kind: "picture", ...picture, alternative: text, caption: text }];
}
