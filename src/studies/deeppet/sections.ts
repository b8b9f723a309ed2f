import { emSearchPoints, fbpSearchPoints, searchEdges } from "../../reconstruct/tune.js";
import { type Band, bandChart } from "../../report/bands.js";
import { lineChart } from "../../report/charts.js";
import { type MontagePanel, montage } from "../../report/montage.js";
import { searchBlocks } from "../../report/search.js";
import type { StudyBlock, StudySection } from "../../report/study.js";
import { type Evidence, imagesOf, judgedOf, meanOf, pairedByPhantom, type SliceSet } from "./outcome.js";
import {
  geometryOf,
  type LevelName,
  levels,
  type Method,
  methods,
  type NetworkMethod,
  networkMethods,
  paperFigures,
  rivals,
  titles,
} from "./plan.js";

const colors: Readonly<Record<Method, string>> = {
  fbp: "#7a7a7a",
  mlem: "#56b4e9",
  osem: "#0072b2",
  deeppet: "#d55e00",
  backprojected: "#009e73",
};

/** The report below the table of claims. */
export function sectionsOf(evidence: Evidence): StudySection[] {
  const unseen = judgedOf(evidence, "unseen").phantoms.length > 0;
  return [
    { id: "results", heading: "Held-out phantoms", blocks: resultBlocks(evidence) },
    { id: "paper", heading: "The paper's figures beside ours", blocks: paperBlocks(evidence) },
    { id: "images", heading: "Images", blocks: pictureBlocks(evidence, "test") },
    ...(unseen ? [{ id: "unseen", heading: "Real images, never seen", blocks: unseenBlocks(evidence) }] : []),
    { id: "tuning", heading: "Tuning of the classic methods", blocks: tuningBlocks(evidence) },
    { id: "training", heading: "Training", blocks: trainingBlocks(evidence) },
    { id: "limits", heading: "What this does not show", blocks: limits(evidence) },
  ];
}

type Mean = ReturnType<typeof meanOf>;
const withInterval = ({ mean, low, high }: Mean, digits: number): string =>
  `${mean.toFixed(digits)} [${(low ?? mean).toFixed(digits)}, ${(high ?? mean).toFixed(digits)}]`;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

function scoreTable(evidence: Evidence, set: SliceSet, caption: string): StudyBlock {
  return {
    kind: "table",
    caption,
    columns: [
      { heading: "Counts" },
      { heading: "Method" },
      ...["rRMSE ↓", "PSNR (dB) ↑", "SSIM ↑"].map((heading) => ({ heading, numeric: true })),
    ],
    rows: levels.flatMap(({ name, counts }) =>
      methods.map((method) => {
        const mean = (measure: "rRMSE" | "psnrDb" | "ssim"): Mean =>
          meanOf(evidence, set, name, method, measure);
        return [
          `${name} (${counts.toExponential(0).replace("e+", "e")})`,
          titles[method],
          withInterval(mean("rRMSE"), 3),
          withInterval(mean("psnrDb"), 1),
          withInterval(mean("ssim"), 3),
        ];
      }),
    ),
  };
}

function errorChart(evidence: Evidence, set: SliceSet, title: string): StudyBlock {
  const bands = methods.map((method): Band => {
    const points = levels.map(({ name, counts }) => {
      const { mean, low, high } = meanOf(evidence, set, name, method, "rRMSE");
      return { x: Math.log10(counts), y: mean, low: low ?? mean, high: high ?? mean };
    });
    return { name: titles[method], color: colors[method], points };
  });
  return {
    kind: "charts",
    charts: [
      {
        title,
        chart: bandChart({ xLabel: "Prompts of a slice, power of ten", yLabel: "rRMSE", bands }),
      },
    ],
    caption: "Mean rRMSE over slices at the three count levels, band: 95 % interval.",
  };
}

function resultBlocks(evidence: Evidence): StudyBlock[] {
  const { milliseconds } = evidence.time;
  const kinds = [...new Set(judgedOf(evidence, "test").kinds)];
  const words: Readonly<Record<string, string>> = { brain: "Heads", body: "Bodies" };
  return [
    errorChart(evidence, "test", "Held-out phantoms"),
    scoreTable(
      evidence,
      "test",
      `Mean over ${judgedOf(evidence, "test").phantoms.length} slices of held-out phantoms with 95 % interval by phantom. rRMSE is relative to the slice's mean, air included; the truth's largest value is the peak of PSNR and the range of SSIM.`,
    ),
    {
      kind: "table",
      caption: "Mean rRMSE of heads and of bodies.",
      columns: [
        { heading: "Slices" },
        { heading: "Counts" },
        ...methods.map((method) => ({ heading: titles[method], numeric: true })),
      ],
      rows: kinds.flatMap((kind) =>
        levels.map(({ name }) => [
          words[kind] ?? kind,
          name,
          ...methods.map((method) => meanOf(evidence, "test", name, method, "rRMSE", kind).mean.toFixed(3)),
        ]),
      ),
    },
    {
      kind: "table",
      caption:
        "Time of a slice on one thread of this machine's processor: median, least and most. Corrections and scaling are counted, reading files is not. The paper's times are of a GPU for DeepPET and as implemented there for the others.",
      columns: [
        { heading: "Method" },
        { heading: "Median (ms)", numeric: true },
        { heading: "Range (ms)", numeric: true },
        { heading: "Paper (ms)", numeric: true },
      ],
      rows: methods.map((method) => [
        titles[method],
        median(milliseconds[method]).toFixed(1),
        `${Math.min(...milliseconds[method]).toFixed(1)} to ${Math.max(...milliseconds[method]).toFixed(1)}`,
        { fbp: "19.9", mlem: "–", osem: "697", deeppet: "6.5", backprojected: "–" }[method],
      ]),
    },
  ];
}

function paperBlocks(evidence: Evidence): StudyBlock[] {
  const { milliseconds } = evidence.time;
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const signed = (value: number, unit: string): string =>
    `${value > 0 ? "+" : ""}${value.toFixed(1)} ${unit}`.replace("-", "−");
  const at = (level: LevelName, network: NetworkMethod, rival: (typeof rivals)[number]): string[] => {
    const of = (compare: Parameters<typeof pairedByPhantom>[5]): number =>
      mean(pairedByPhantom(evidence, "test", level, network, rival, compare));
    return [
      signed(100 * of((ours, theirs) => ours.rRMSE / theirs.rRMSE - 1), "%"),
      signed(100 * of((ours, theirs) => ours.ssim / theirs.ssim - 1), "%"),
      signed(
        of((ours, theirs) => ours.psnrDb - theirs.psnrDb),
        "dB",
      ),
    ];
  };
  return [
    {
      kind: "table",
      caption:
        "DeepPET against the others: the paper's abstract, and here. Here the differences are means over phantoms of what each of them shows.",
      columns: [
        { heading: "Against" },
        { heading: "Where" },
        ...["rRMSE", "SSIM", "PSNR", "Time"].map((heading) => ({ heading, numeric: true })),
      ],
      rows: rivals.flatMap((rival) => {
        const figures = paperFigures[rival];
        const faster = (network: NetworkMethod): string =>
          `${(median(milliseconds[rival]) / median(milliseconds[network])).toFixed(1)}×`;
        return [
          [
            titles[rival],
            "the paper's DeepPET",
            `−${figures.rRMSE} %`,
            `+${figures.ssim} %`,
            `+${figures.psnrDb} dB`,
            `${figures.faster}× faster`,
          ],
          ...networkMethods.flatMap((network) =>
            levels.map(({ name }) => [
              titles[rival],
              `${titles[network]}, ${name} counts`,
              ...at(name, network, rival),
              name === "clinical" ? faster(network) : "",
            ]),
          ),
        ];
      }),
    },
  ];
}

function pictureBlocks(evidence: Evidence, set: SliceSet): StudyBlock[] {
  const { shown } = judgedOf(evidence, set);
  const { views, bins, imageSize } = geometryOf(evidence.extent);
  const peaks = shown.map(({ truth }) => truth.reduce((a, b) => Math.max(a, b), 0));
  return levels.map(({ name }): StudyBlock => {
    const rows = shown.map(({ truth, sinograms }, n) => {
      const image = (data: Float32Array, name: string): MontagePanel => ({
        data,
        name,
        width: imageSize,
        height: imageSize,
        window: [0, peaks[n]!],
        turned: true,
      });
      const sinogram = sinograms[name];
      // The brightest bins are noise where hardly a photon gets through.
      const high = [...sinogram].sort((a, b) => a - b)[Math.floor(0.995 * sinogram.length)]!;
      return [
        {
          data: sinogram,
          width: bins,
          height: views,
          window: [0, high],
          colors: "grey",
          name: "sinogram",
        } as const,
        image(truth, "truth"),
        ...methods.map((method) => image(imagesOf(evidence, set, name, method)[n]!, titles[method])),
      ];
    });
    const names = shown.map(({ id }, n) => `${id} (white: ${peaks[n]!.toPrecision(3)} kBq/ml)`);
    return {
      kind: "picture",
      ...montage({ rows, panelPixels: 144 }),
      alternative: `Sinograms, truths and images of all methods at ${name} counts`,
      caption: `At ${name} counts, from left to right: corrected sinogram (views downwards), truth, ${methods.map((method) => titles[method]).join(", ")}. All images of a row have one scale, black at 0. From the top: ${names.join("; ")}. The patient's right is on the left, the front at the top.`,
    };
  });
}

function unseenBlocks(evidence: Evidence): StudyBlock[] {
  const ratio = (level: LevelName, method: Method): number =>
    meanOf(evidence, "unseen", level, method, "rRMSE").mean /
    meanOf(evidence, "test", level, method, "rRMSE", "brain").mean;
  return [
    {
      kind: "text",
      text: "Slices of a mean FDG scan and of receptor maps, means over groups of people, go through the same simulator with the attenuation of a mean transmission scan. No phantom was made after them, and the classic methods keep the settings that were tuned on phantoms. They are smoother than phantoms, and have other contrasts: so the networks learn from slices too whose uptake is uneven within structures and blurred across them (see Training).",
    },
    errorChart(evidence, "unseen", "Real images"),
    scoreTable(
      evidence,
      "unseen",
      `Mean over ${judgedOf(evidence, "unseen").phantoms.length} slices with 95 % interval by image.`,
    ),
    {
      kind: "table",
      caption:
        "The drop: mean rRMSE on real images over that on simulated heads. Above 1 a method is worse on what it has not seen; the images differ too, so that the classic methods, which learn nothing, say how much is theirs.",
      columns: [{ heading: "Counts" }, ...methods.map((m) => ({ heading: titles[m], numeric: true }))],
      rows: levels.map(({ name }) => [name, ...methods.map((m) => ratio(name, m).toFixed(2))]),
    },
    ...pictureBlocks(evidence, "unseen").slice(1, 2),
  ];
}

function tuningBlocks({ classic, extent }: Evidence): StudyBlock[] {
  const on = (name: LevelName): string => `at ${name} counts, ${extent.validationPhantoms} validation slices`;
  return levels.flatMap(({ name }) => {
    const { fbp, mlem, osem } = classic[name].tuned;
    return [
      ...searchBlocks({
        what: `OSEM with ${osem.best.subsets} subsets ${on(name)}`,
        along: "Iterations",
        score: "rRMSE",
        tried: emSearchPoints(osem),
        edges: searchEdges(osem),
      }),
      ...searchBlocks({
        what: `ML-EM ${on(name)}`,
        along: "Iterations",
        score: "rRMSE",
        tried: emSearchPoints(mlem),
        edges: searchEdges(mlem),
      }),
      ...searchBlocks({
        what: `FBP ${on(name)}`,
        along: "Filter (mm)",
        score: "rRMSE",
        tried: fbpSearchPoints(fbp),
        edges: searchEdges(fbp),
      }),
    ];
  });
}

function trainingBlocks({ networks, extent }: Evidence): StudyBlock[] {
  const { trainPhantoms, slicesPerPhantom, diffuse, steps } = extent;
  const sizes = networkMethods.map(
    (method) =>
      `${titles[method]} has ${(networks[method].parameters / 1e6).toFixed(2)} M parameters and ${steps[method]} steps`,
  );
  return [
    {
      kind: "text",
      text: `${sizes.join("; ")}. They learn from ${trainPhantoms * slicesPerPhantom} slices of ${trainPhantoms} phantoms, each counted anew with another number of prompts whenever it is seen. In about ${Math.round(100 * diffuse)} % of these slices, and in none of those held out, uptake does not keep to structures: uneven by up to 40 % and blurred by 3 to 14 mm. The weights of the best validation are used; the runs are in the study's folder, for gyrus reconstruct --method and gyrus report.`,
    },
    {
      kind: "charts",
      charts: networkMethods.map((method) => ({
        title: titles[method],
        chart: lineChart({
          xLabel: "Step",
          yLabel: "Root of the loss, and rRMSE of the validation slices",
          series: [
            {
              name: "training",
              color: colors.mlem,
              style: "points",
              points: networks[method].training.map(({ step, loss }) => ({ x: step, y: Math.sqrt(loss) })),
            },
            {
              name: "validation",
              color: colors.deeppet,
              style: "points",
              points: networks[method].training.map(({ step, rRMSE }) => ({ x: step, y: rRMSE })),
            },
          ],
        }),
      })),
      caption:
        "The loss is the mean squared error in units of each slice's mean activity, so that its root is an rRMSE; mean since the validation before.",
    },
  ];
}

function limits({ extent }: Evidence): StudyBlock[] {
  const { views, bins, imageSize } = geometryOf(extent);
  return [
    {
      kind: "text",
      text: `The scanner is small: ${views} views of ${bins} bins and ${imageSize} x ${imageSize} pixels where the paper has 288, 269 and 128 x 128, and the training has thousands of slices where the paper's has two hundred thousand, seen 150 times. Scatter and randoms are known exactly, for all methods; OSEM and ML-EM also know the scanner's blur. Slices are flat: no method sees a third dimension. Times are of one thread of a processor, where the paper's network ran on a GPU. The tuned settings are the best on average over heads and bodies, not for each slice. DeepPET here is not laid out as the paper's. The paper's network has to find by convolutions of 3 x 3 bins where every line goes, which its authors had 150 epochs of two hundred thousand slices for; with the same layout shrunk (preset small-plain) a study of minutes gets outlines. Here the bins of each view are spaced by the cosine of its angle first, a linogram, so that moving the image moves all views alike; a convolution that spans all views stands in place of most of the encoder, and a convolutional encoder and decoder with skips follows it, which is added to what the convolution found. No line is projected back but by weights that were learnt, and the input is resampled, not reconstructed. FBP + network starts from filtered backprojections instead: it shows what the same network can do for the same counts where nothing is left to find out about lines.`,
    },
  ];
}
