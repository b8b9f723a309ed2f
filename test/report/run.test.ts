import { parseHTML } from "linkedom/worker";
import { describe, expect, it } from "vitest";
import { overlayFigure } from "../../src/report/figure.js";
import { flatten } from "../../src/report/record.js";
import { buildReport, type RunReport } from "../../src/report/run.js";
import { between, decimal, duration, parametersInWords } from "../../src/report/words.js";

const size = [24, 30, 20] as const;
const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

/** A whole report in which every text carries the mark. */
function report(mark: string): RunReport {
  const t = (text: string): string => `${text}${mark}`;
  const data = Float32Array.from({ length: 24 * 30 * 20 }, (_, at) => (at * 2654435761) % 1009);
  const map = Uint8Array.from(data, (_, at) => (at % 24 > 8 && at % 24 < 14 ? 1 : 0));
  const labels = [t("Anterior"), t("Posterior")];
  const summary = labels.flatMap((label, at) => [
    { label, metric: "dice", mean: 0.9 - 0.1 * at, low: 0.85 - 0.1 * at, high: 0.93 - 0.1 * at, count: 2 },
    { label, metric: "hd95", mean: 1.234, low: 1, high: 2, count: 1 },
  ]);
  const scores = (dice: number, hd95: number | null) =>
    Object.fromEntries(labels.map((label) => [label, { dice, hd95 }]));
  return {
    title: t("Hippocampus"),
    system: t("segment-unet"),
    preset: t("small"),
    description: t("What it does."),
    createdAt: t("2026-01-02"),
    simulated: true,
    evaluation: {
      set: t("held out"),
      caseCount: 2,
      subjectCount: 2,
      labels,
      metrics: [
        { key: "dice", name: t("Dice"), better: "higher" },
        { key: "hd95", name: "HD95", unit: t("mm"), better: "lower" },
      ],
      cases: [
        { case: t("case-1"), subject: t("sub-1"), scores: scores(0.8765, 1.234) },
        { case: t("case-2"), subject: t("sub-2"), scores: scores(0.9, null) },
      ],
      summary,
      overall: { mean: 0.85, low: 0.8, high: 0.88 },
      interval: t("bootstrap"),
      notes: [t("note")],
    },
    history: [
      { step: 1, epoch: 1, seconds: 0.5, trainLoss: 1, learningRate: 0.1 },
      {
        step: 2,
        epoch: 1,
        seconds: 1,
        trainLoss: 0.8,
        validationLoss: 0.9,
        learningRate: 0.05,
        trainMetrics: { [t("norm")]: 7 },
        metrics: { [t("Dice")]: 0.5, [t("HD")]: 4 },
      },
    ],
    examples: [
      {
        rank: t("best"),
        case: t("case-2"),
        score: t("0.9"),
        figure: overlayFigure({
          image: { data, size, affine, channels: 1 },
          truth: { data: map, size, affine, channels: 1 },
          prediction: { data: map, size, affine, channels: 1 },
          labels: [{ value: 1, name: labels[0]! }],
        }),
      },
    ],
    configuration: { [t("key")]: t("value"), nested: { list: [1, t("two")], deep: [{ a: t("b") }] } },
    data: [
      {
        name: t("MSD"),
        caseCount: 2,
        subjectCount: 2,
        hash: t("sha256:ab"),
        properties: { [t("spacing")]: t("1 mm") },
      },
    ],
    split: [{ name: t("test"), subjects: [t("sub-1"), t("sub-2")] }],
    splitNote: t("fold 0"),
    versions: { [t("gyrus")]: t("0.1.0") },
    machine: { [t("memory")]: t("8 GiB") },
    timings: [{ what: t("training"), seconds: 480 }],
    warnings: [t("careful")],
  };
}

const hostile = `"'><script src="https://evil.example/x.js">alert(1)</script><img src=x onerror=alert(2)></style></svg>\u0000&amp;`;
const { document: page } = parseHTML(buildReport(report(hostile)));

/** What of a pattern a report holds outside its pictures, whose base64 may spell anything. */
function found(text: string, pattern: RegExp): string | undefined {
  return pattern.exec(text.replace(/base64,[^"]*/g, ""))?.[0];
}
const unfinished = /NaN|undefined|\[object/;

describe("a report whose every text is hostile", () => {
  const elements = [...page.querySelectorAll("*")];

  it("holds no element that runs or fetches anything", () => {
    const names = new Set(elements.map((element) => element.localName.toLowerCase()));
    for (const bad of [
      "script",
      "iframe",
      "object",
      "embed",
      "link",
      "base",
      "form",
      "foreignobject",
      "use",
      "image",
    ])
      expect(names).not.toContain(bad);
    expect(page.querySelectorAll("style")).toHaveLength(1);
  });

  it("holds no event handler and no address but its own pictures and anchors", () => {
    for (const element of elements)
      for (const { name, value } of element.attributes) {
        expect(name).toMatch(/^(?!on)[a-z][a-zA-Z0-9:-]*$/);
        if (name === "src") expect(value).toMatch(/^data:image\/png;base64,[A-Za-z0-9+/=]+$/);
        if (name.endsWith("href")) expect(value).toMatch(/^#[a-z-]+$/);
        if (name === "style") expect(value).not.toMatch(/url|expression|@import/);
      }
    expect(page.querySelector("style")!.textContent).not.toMatch(/url\(|@import/);
  });

  it("shows the text as it was given", () => {
    expect(page.querySelector("h1")!.textContent).toContain('<script src="https://evil.example/x.js">');
    expect(page.querySelector("#cases")!.textContent).toContain("case-1\"'><script");
  });
});

describe("buildReport", () => {
  const text = buildReport(report(""));
  const { document } = parseHTML(text);

  it("has every section, and mentions no address outside", () => {
    expect([...document.querySelectorAll("section")].map(({ id }) => id)).toEqual([
      "results",
      "examples",
      "training",
      "cases",
      "data",
      "configuration",
      "machine",
    ]);
    expect(found(text, /https?:|\/\/[a-z]/i)).toBeUndefined();
    expect(found(text, unfinished)).toBeUndefined();
  });

  it("opens with the result, its interval and where the data come from", () => {
    const header = document.querySelector("header")!.textContent!.replace(/\s+/g, " ");
    expect(header).toContain("Dice, overall 0.85095 % CI 0.800–0.880");
    expect(header).toContain("Dice, Anterior 0.90095 % CI 0.850–0.930");
    expect(header).toContain("2 cases of 2 subjects: held out.");
    expect(header).toContain("Simulated data");
    expect(header).toContain("careful");
    const { evaluation } = report("");
    const [label] = evaluation!.labels;
    const one = { ...evaluation!, labels: [label!], overall: evaluation!.summary[0]! };
    const single = parseHTML(buildReport({ ...report(""), evaluation: one })).document;
    expect(single.querySelector("header")!.textContent).not.toContain("Dice, overall");
    const real = parseHTML(buildReport({ ...report(""), simulated: false })).document;
    expect(real.querySelector("header")!.textContent).not.toContain("Simulated");
  });

  it("puts every case in the table, with means and intervals at its foot and a dash for what is undefined", () => {
    const rows = [...document.querySelectorAll("#cases tbody tr, #cases tfoot tr")].map((row) =>
      [...row.querySelectorAll("td")].map((cell) => cell.textContent),
    );
    expect(rows).toEqual([
      ["case-1", "sub-1", "0.876", "1.23", "0.876", "1.23"],
      ["case-2", "sub-2", "0.900", "–", "0.900", "–"],
      ["Mean", "", "0.900", "1.23", "0.800", "1.23"],
      ["95 % CI", "", "0.850–0.930", "1.00–2.00", "0.750–0.830", "1.00–2.00"],
    ]);
    expect(document.querySelector("#results")!.textContent).toContain("n = 1");
  });

  it("letters its pictures and says which side is which", () => {
    const letters = [...document.querySelectorAll(".picture text")].map((one) => one.textContent);
    expect(letters.slice(0, 4)).toEqual(["R", "L", "A", "P"]);
    expect(document.querySelector("#examples")!.textContent).toContain(
      "Radiological convention: the patient's right is on the left",
    );
  });

  it("gives the same bytes for the same data", () => {
    expect(buildReport(report(""))).toBe(text);
  });

  it("tolerates the absence of anything", () => {
    const whole = report("");
    const bare = { title: "T", system: "s", simulated: false };
    const { document: least } = parseHTML(buildReport(bare));
    expect(least.querySelectorAll("section")).toHaveLength(0);
    expect(least.querySelector("header")!.textContent).toContain("Not evaluated yet");
    for (const key of Object.keys(whole) as (keyof RunReport)[]) {
      const without = buildReport({ ...whole, ...bare, [key]: key in bare ? whole[key] : undefined });
      expect(found(without, unfinished)).toBeUndefined();
      expect(found(buildReport({ ...bare, [key]: whole[key] }), unfinished)).toBeUndefined();
    }
    const empty = buildReport({
      ...bare,
      history: [],
      examples: [],
      evaluation: { ...whole.evaluation!, cases: [], summary: [], overall: undefined },
    });
    expect(empty).toContain("No case has been evaluated.");
    expect(empty).toContain("No step has been recorded.");
  });

  it("says when recorded values are not finite instead of dropping them silently", () => {
    const history = [
      { step: 1, trainLoss: 1 },
      { step: 2, trainLoss: Number.POSITIVE_INFINITY },
    ];
    expect(buildReport({ title: "T", system: "s", simulated: true, history })).toContain(
      "1 recorded value is not finite and missing from the curves.",
    );
  });

  it("stays under five megabytes with a thousand cases, a long run and three cases in pictures", () => {
    const whole = report("");
    const cases = Array.from({ length: 1000 }, (_, at) => ({
      ...whole.evaluation!.cases[0]!,
      case: `case-${at}`,
    }));
    const history = Array.from({ length: 50_000 }, (_, step) => ({
      step,
      trainLoss: 1 / (1 + step),
      learningRate: 0.1,
    }));
    const example = whole.examples![0]!;
    const large = buildReport({
      ...whole,
      history,
      evaluation: { ...whole.evaluation!, cases },
      examples: [example, example, example],
    });
    expect(large.length).toBeLessThan(5_000_000);
  });
});

describe("curves of the training", () => {
  it("say of which cases they are: those that were learnt from, or the validation's", () => {
    const { document } = parseHTML(buildReport(report("")));
    const captions = [...document.querySelectorAll("#training figcaption")].map((one) => one.textContent);
    expect(captions).toContain("norm on the training batches.");
    expect(captions).toContain("HD on the validation cases.");
    expect(captions).not.toContain("norm on the validation cases.");
  });
});

describe("scores of one subject", () => {
  it("have no interval, in the headline, the tables and the drawings", () => {
    const whole = report("");
    const { evaluation } = whole;
    const alone = { low: null, high: null };
    const page = buildReport({
      ...whole,
      evaluation: {
        ...evaluation!,
        summary: evaluation!.summary.map((one) => ({ ...one, ...alone })),
        overall: { mean: 0.85, ...alone },
      },
    });
    const { document } = parseHTML(page);
    expect([...document.querySelectorAll("dd small")].map((one) => one.textContent)).toEqual(
      evaluation!.labels.concat("overall").map(() => "no interval"),
    );
    expect(page).not.toContain("its 95 % confidence interval (");
    expect(found(page, unfinished)).toBeUndefined();
  });
});

describe("words", () => {
  it("says of every network how large it is", () => {
    expect([4033, 99_999, 2_326_273].map(parametersInWords)).toEqual([
      "4,033 parameters",
      "99,999 parameters",
      "2.33 M parameters",
    ]);
  });
  it("prints numbers as a reader expects them", () => {
    expect(decimal(-1.2345, 2)).toBe("−1.23");
    expect(decimal(Number.NaN, 2)).toBe("–");
    expect(between(-0.1, 0.2, 1)).toBe("−0.1 to 0.2");
    expect([0.521, 48.2, 484, 7800].map(duration)).toEqual(["0.52 s", "48 s", "8 min 04 s", "2 h 10 min"]);
    expect(duration(3599.7)).toBe("1 h 00 min");
  });
  it("flattens nested settings", () => {
    expect(flatten({ a: { b: [1, 2], c: null }, d: [{ e: true }], f: {} })).toEqual([
      ["a.b", "1, 2"],
      ["a.c", "null"],
      ["d[0].e", "true"],
      ["f", "none"],
    ]);
  });
});
