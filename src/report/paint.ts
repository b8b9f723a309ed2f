import type { Rgb } from "./palette.js";

const fillOpacity = 0.42;

/** What a row of panels shows over the image. `overlay` is the prediction filled and the truth outlined. */
export type FigureRow = "image" | "truth" | "prediction" | "overlay";

/** What lies under one panel, sampled to its pixels, row-major. */
export interface Layers {
  readonly background: Float32Array;
  readonly truth: Uint16Array | undefined;
  readonly prediction: Uint16Array | undefined;
}

/** A rectangle of pixels to paint in. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Thickness of outlines. */
  readonly outline: number;
}

/** Paint one panel into an RGB picture of the given width (pixels). */
export function paint(
  out: Uint8Array,
  stride: number,
  box: Box,
  layers: Layers,
  row: FigureRow,
  colors: readonly (Rgb | undefined)[],
): void {
  const fill = row === "prediction" || row === "overlay" ? layers.prediction : undefined;
  const filled = row === "truth" ? layers.truth : fill;
  const outline = row === "overlay" ? layers.truth : filled;
  for (let y = 0, at = 0; y < box.height; y++)
    for (let x = 0; x < box.width; x++, at++) {
      const grey = layers.background[at]!;
      const to = ((box.y + y) * stride + box.x + x) * 3;
      const inside = filled === undefined ? undefined : colors[filled[at]!];
      const edge = outline !== undefined && isBorder(outline, box, x, y) ? colors[outline[at]!] : undefined;
      for (let c = 0; c < 3; c++)
        out[to + c] = Math.round(
          edge?.[c] ?? (inside === undefined ? grey : grey + fillOpacity * (inside[c]! - grey)),
        );
    }
}

/** Whether a pixel lies within an outline's thickness of another label, along its row or column. */
function isBorder(labels: Uint16Array, { width, height, outline }: Box, x: number, y: number): boolean {
  const at = y * width + x;
  const own = labels[at]!;
  if (own === 0) return false;
  for (let d = 1; d <= outline; d++) {
    if (x >= d && labels[at - d] !== own) return true;
    if (x + d < width && labels[at + d] !== own) return true;
    if (y >= d && labels[at - d * width] !== own) return true;
    if (y + d < height && labels[at + d * width] !== own) return true;
  }
  return false;
}
