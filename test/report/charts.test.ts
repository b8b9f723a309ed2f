import fc from "fast-check";
import { parseHTML } from "linkedom/worker";
import { describe, expect, it } from "vitest";
import {
  type HistoryRow,
  learningRateChart,
  lineChart,
  lossChart,
  metricChart,
} from "../../src/report/charts.js";
import { runningMean, thin } from "../../src/report/series.js";
import { intervalChart, stripChart } from "../../src/report/spread.js";

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)> & '`;

function parsed(svg: string): Element {
  return parseHTML(`<!doctype html><html><body>${svg}</body></html>`).document.body;
}

const history: HistoryRow[] = Array.from({ length: 500 }, (_, at) => ({
  step: at + 1,
  trainLoss: 1 / (at + 1) + 0.01 * (at % 3),
  learningRate: 0.01 * (1 - at / 500),
  ...(at % 50 === 49 ? { validationLoss: 1.1 / at, metrics: { Dice: at / 500, HD95: 10 - at / 100 } } : {}),
}));

describe("charts", () => {
  it("cannot be broken out of by a name", () => {
    const line = { name: hostile, style: "points" as const, color: "#0072b2", points: [{ x: 1, y: 2 }] };
    for (const { svg } of [
      lineChart({ series: [line], xLabel: hostile, yLabel: hostile }),
      stripChart([{ name: hostile, values: [1, 2, 3], color: "#0072b2" }], hostile),
      intervalChart([{ name: hostile, mean: 1, low: 0, high: 2, color: "#0072b2" }], hostile),
    ]) {
      const body = parsed(svg);
      expect(body.querySelectorAll("script, img, style, foreignObject, a, image, use")).toHaveLength(0);
      expect(body.children).toHaveLength(1);
      expect(svg).not.toMatch(/<script|<img|xmlns|http/);
      expect(body.textContent).toContain('"><script>');
    }
  });

  it("gives the same bytes twice", () => {
    expect(lossChart(history)).toEqual(lossChart(history));
    const groups = [{ name: "a", values: [3, 1, 2], color: "#0072b2" }];
    expect(stripChart(groups, "Dice")).toEqual(stripChart(groups, "Dice"));
  });

  it("puts higher values higher and titles its axes", () => {
    const points = [1, 2, 3, 4].map((x) => ({ x, y: x * x }));
    const { svg } = lineChart({
      series: [{ name: "a", style: "points", color: "#0072b2", points }],
      xLabel: "Time (min)",
      yLabel: "Loss",
    });
    const dots = [...parsed(svg).querySelectorAll("circle")];
    const [cx, cy] = ["cx", "cy"].map((key) => dots.map((dot) => Number(dot.getAttribute(key))));
    expect(cx).toEqual([...cx!].sort((a, b) => a - b));
    expect(cy).toEqual([...cy!].sort((a, b) => b - a));
    expect(svg).toContain("Time (min)");
    expect(svg).toContain(">Loss<");
  });

  it("spaces decades evenly on a logarithmic axis and refuses values that have no logarithm", () => {
    const draw = (values: number[]) =>
      lineChart({
        series: [
          { name: "loss", style: "points", color: "#0072b2", points: values.map((y, x) => ({ x, y })) },
        ],
        xLabel: "Step",
        yLabel: "Loss",
        logY: true,
      });
    const y = [...parsed(draw([1, 0.1, 0.01]).svg).querySelectorAll("circle")].map((dot) =>
      Number(dot.getAttribute("cy")),
    );
    expect(y[1]! - y[0]!).toBeCloseTo(y[2]! - y[1]!, 1);
    expect(() => draw([1, 0])).toThrow(
      "loss: Loss cannot be drawn on a logarithmic axis. Expected values above zero. Found 0. Draw it on a linear axis.",
    );
  });

  it("leaves out what is not finite or absent, and draws nothing of nothing", () => {
    const rows: HistoryRow[] = [
      { step: 1, trainLoss: 1 },
      { step: 2, trainLoss: Number.NaN },
      { step: 3, trainLoss: null },
      { step: 4, trainLoss: 0.5, validationLoss: 0.6 },
    ];
    const { svg, legend } = lossChart(rows);
    expect(svg).not.toContain("NaN");
    expect(legend.map(({ name }) => name)).toEqual(["training", "validation"]);
    expect(learningRateChart([]).legend).toEqual([]);
    expect(metricChart(history, ["absent"], "Dice").legend).toEqual([]);
  });

  it("draws one dot a case, quartiles and the median in the right place", () => {
    const values = [0.1, 0.2, 0.3, 0.4, 0.9];
    const body = parsed(stripChart([{ name: "a", values, color: "#0072b2" }], "Dice").svg);
    const dots = [...body.querySelectorAll("circle")].map((dot) => Number(dot.getAttribute("cx")));
    expect(dots).toHaveLength(5);
    const box = body.querySelector("rect")!;
    const left = Number(box.getAttribute("x"));
    expect(left).toBeCloseTo(dots[1]!, 0);
    expect(left + Number(box.getAttribute("width"))).toBeCloseTo(dots[3]!, 0);
  });

  it("shows values that are all the same in the middle, and steps as whole numbers", () => {
    const same = parsed(stripChart([{ name: "a", values: [0.9, 0.9], color: "#0072b2" }], "Dice").svg);
    const dot = Number(same.querySelector("circle")!.getAttribute("cx"));
    expect(dot).toBeGreaterThan(150);
    expect(dot).toBeLessThan(350);
    // Ticks beside the only value, as far apart as a reader can tell.
    const one = parsed(stripChart([{ name: "a", values: [27.741792], color: "#0072b2" }], "PSNR").svg);
    const marks = [...one.querySelector('[aria-label="x-axis tick label"]')!.children];
    expect(marks.length).toBeGreaterThan(2);
    expect(marks.every(({ textContent }) => textContent!.length < 6)).toBe(true);
    const { svg } = lossChart([
      { step: 1, trainLoss: 1 },
      { step: 2, trainLoss: 0.5 },
    ]);
    const ticks = parsed(svg).querySelector('[aria-label="x-axis tick label"]')!.children;
    expect([...ticks].map((tick) => tick.textContent)).toEqual(["1", "2"]);
  });

  it("stays small however long the run", () => {
    const long = Array.from({ length: 200_000 }, (_, at) => ({
      step: at,
      trainLoss: Math.abs(Math.sin(at)),
    }));
    expect(lossChart(long).svg.length).toBeLessThan(80_000);
  });
});

describe("thin", () => {
  it("keeps the first, last, lowest and highest point, in order", () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), {
      minLength: 50,
      maxLength: 400,
    });
    fc.assert(
      fc.property(values, (ys) => {
        const points = ys.map((y, x) => ({ x, y }));
        const kept = thin(points, 40);
        expect(kept.length).toBeLessThanOrEqual(40);
        expect(kept[0]).toBe(points[0]);
        expect(kept.at(-1)).toBe(points.at(-1));
        expect(Math.max(...kept.map(({ y }) => y))).toBe(Math.max(...ys));
        expect(Math.min(...kept.map(({ y }) => y))).toBe(Math.min(...ys));
        for (let at = 1; at < kept.length; at++) expect(kept[at]!.x).toBeGreaterThan(kept[at - 1]!.x);
      }),
    );
  });
});

describe("runningMean", () => {
  it("leaves a straight line where it is, ends included", () => {
    const line = Array.from({ length: 30 }, (_, x) => ({ x, y: 2 * x + 1 }));
    for (const { x, y } of runningMean(line, 9)) expect(y).toBeCloseTo(2 * x + 1, 9);
  });
  it("is the mean of the window", () => {
    const points = [4, 8, 3, 5].map((y, x) => ({ x, y }));
    expect(runningMean(points, 3).map(({ y }) => y)).toEqual([4, 5, 16 / 3, 5]);
  });
});
