import { encode } from "fast-png";
import type { PictureWord } from "./html.js";
import type { Rgb } from "./palette.js";

/** One image of a montage. */
export interface MontagePanel {
  /** Row-major, `width` times `height`. */
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  /** The values of the darkest and the brightest colour: the same for images that are compared. */
  readonly window: readonly [low: number, high: number];
  /** Default "hot": black, red, yellow, white; "diverging": blue below the middle of the window, white, red above. */
  readonly colors?: "hot" | "grey" | "diverging";
  /** Turned by half a turn: a slice whose axes go to the patient's right and front then looks as radiologists have it. */
  readonly turned?: boolean;
  /** What it is, in a word or two: written over its corner. */
  readonly name?: string;
}

export interface MontageOptions {
  /** From top to bottom, each from left to right. `null` leaves a gap. */
  readonly rows: readonly (readonly (MontagePanel | null)[])[];
  /** Width and height of every panel. */
  readonly panelPixels: number;
}

export interface Montage {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Names of panels, and where each begins. */
  readonly words: readonly PictureWord[];
}

const gap = 4;
const barWidth = 10;

/**
 * Images side by side, every pixel as a block of one colour, and at the end of each row a bar of its last image's colours from the
 * window's low end (below) to its high one. Values beyond the window have the colours of its ends.
 */
export function montage({ rows, panelPixels }: MontageOptions): Montage {
  const columns = Math.max(...rows.map((row) => row.length));
  const width = columns * (panelPixels + gap) + barWidth;
  const height = rows.length * (panelPixels + gap) - gap;
  const data = new Uint8Array(3 * width * height).fill(255);
  const put = (x: number, y: number, [r, g, b]: Rgb): void => {
    const at = 3 * (y * width + x);
    data[at] = r;
    data[at + 1] = g;
    data[at + 2] = b;
  };
  const words: PictureWord[] = [];
  rows.forEach((row, r) => {
    const top = r * (panelPixels + gap);
    row.forEach((panel, c) => {
      if (panel === null) return;
      const left = c * (panelPixels + gap);
      if (panel.name !== undefined) words.push({ text: panel.name, x: left + 5, y: top + 15 });
      for (let y = 0; y < panelPixels; y++)
        for (let x = 0; x < panelPixels; x++)
          put(left + x, top + y, colorOf(panel, valueAt(panel, x / panelPixels, y / panelPixels)));
    });
    const last = row.findLast((panel) => panel !== null);
    if (last === undefined || last === null) return;
    const [low, high] = last.window;
    for (let y = 0; y < panelPixels; y++) {
      const color = colorOf(last, low + ((high - low) * (panelPixels - 1 - y)) / (panelPixels - 1));
      for (let x = width - barWidth; x < width; x++) put(x, top + y, color);
    }
  });
  return { png: encode({ width, height, data, depth: 8, channels: 3 }), width, height, words };
}

function valueAt({ data, width, height, turned = false }: MontagePanel, u: number, v: number): number {
  const [i, j] = [Math.floor(u * width), Math.floor(v * height)];
  return data[turned ? (height - 1 - j) * width + width - 1 - i : j * width + i]!;
}

function colorOf({ window: [low, high], colors = "hot" }: MontagePanel, value: number): Rgb {
  const t = Math.max(0, Math.min(1, (value - low) / (high - low)));
  const byte = (share: number): number => Math.round(255 * Math.max(0, Math.min(1, share)));
  switch (colors) {
    case "hot":
      return [byte(2.6 * t), byte(2.6 * t - 0.9), byte(3.5 * t - 2.5)];
    case "grey":
      return [byte(t), byte(t), byte(t)];
    case "diverging":
      return [byte(2 * t), byte(2 * Math.min(t, 1 - t)), byte(2 - 2 * t)];
  }
}
