import { decode } from "fast-png";
import { describe, expect, it } from "vitest";
import { lettered, showMarkup } from "../../src/report/html.js";
import { type MontagePanel, montage } from "../../src/report/montage.js";

const panel = (values: readonly number[], changes: Partial<MontagePanel> = {}): MontagePanel => ({
  data: Float32Array.from(values),
  width: 2,
  height: 2,
  window: [0, 4],
  ...changes,
});

/** The colour in the middle of each pixel of a panel, row by row. */
function colorsOf(rows: Parameters<typeof montage>[0]["rows"], row: number, column: number): string[] {
  const picture = montage({ rows, panelPixels: 8 });
  const { data, width } = decode(picture.png);
  const colors: string[] = [];
  for (const v of [2, 6])
    for (const u of [2, 6]) {
      const at = 3 * ((row * 12 + v) * width + column * 12 + u);
      colors.push([...data.slice(at, at + 3)].join());
    }
  return colors;
}

describe("a montage", () => {
  it("gives equal values of one window the same colour, darkest and brightest at its ends and beyond", () => {
    const rows = [[panel([0, 4, -3, 9], {}), panel([4, 0, 2, 2])]];
    const [black, white, below, above] = colorsOf(rows, 0, 0);
    expect([black, white]).toEqual(["0,0,0", "255,255,255"]);
    expect([below, above]).toEqual([black, white]);
    const [first, second, middle] = colorsOf(rows, 0, 1);
    expect([first, second]).toEqual([white, black]);
    expect(new Set([black, white, middle]).size).toBe(3);
  });

  it("turns panels by half a turn when told, leaves gaps, and has as many rows as it is given", () => {
    const rows = [[panel([0, 1, 2, 4])], [null, panel([0, 1, 2, 4], { turned: true })]];
    expect(colorsOf(rows, 1, 1)).toEqual([...colorsOf(rows, 0, 0)].reverse());
    expect(colorsOf(rows, 1, 0)).toEqual(new Array(4).fill("255,255,255"));
    const { width, height } = montage({ rows, panelPixels: 8 });
    expect([width, height]).toEqual([2 * 12 + 10, 2 * 8 + 4]);
  });

  it("says where the names of panels begin, and a page writes them over the picture", () => {
    const rows = [
      [panel([0, 1, 2, 4], { name: "truth" }), panel([0, 1, 2, 4])],
      [null, panel([0, 1, 2, 4], { name: "a < b" })],
    ];
    const picture = montage({ rows, panelPixels: 20 });
    expect(picture.words).toEqual([
      { text: "truth", x: 5, y: 15 },
      { text: "a < b", x: 24 + 5, y: 24 + 15 },
    ]);
    expect(showMarkup(lettered(picture, "two panels"))).toContain('<text x="29" y="39">a &lt; b</text>');
  });

  it("ends each row with a bar from the low end below to the high one above", () => {
    const { png, width } = montage({
      rows: [[panel([0, 0, 0, 0], { colors: "diverging" })]],
      panelPixels: 9,
    });
    const { data } = decode(png);
    const at = (y: number): number[] => [
      ...data.slice(3 * (y * width + width - 2), 3 * (y * width + width - 2) + 3),
    ];
    expect(at(0)).toEqual([255, 0, 0]);
    expect(at(4)).toEqual([255, 255, 255]);
    expect(at(8)).toEqual([0, 0, 255]);
  });
});
