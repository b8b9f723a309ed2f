import { paint } from "../src/report/paint.js";
import { colorAt, type Rgb, rgbOf } from "../src/report/palette.js";
import { type Resize, resizeLabels, resizePicture } from "../src/report/resample2d.js";
import { tissues } from "./data.js";
import type { Slices } from "./messages.js";

/** Pixels of the screen for one of the image. */
const zoom = 5;

/** Colour of a tissue; background has none. */
export const colorOf = (tissue: number): string => colorAt(tissue - 1);
const colors: readonly (Rgb | undefined)[] = tissues.map((_, tissue) =>
  tissue === 0 ? undefined : rgbOf(colorOf(tissue)),
);

/** Draw one slice: the scan alone, or with the prediction filled and the truth outlined over it. */
export function drawSlice(
  canvas: HTMLCanvasElement,
  { width, height }: Slices,
  slice: number,
  image: Float32Array,
  labels?: { readonly truth: Uint8Array; readonly prediction: Uint8Array },
): void {
  const size = {
    width: width * zoom,
    height: height * zoom,
    mirrorAcross: false,
    mirrorDown: false,
  } as const;
  const [from, to] = [slice * width * height, (slice + 1) * width * height];
  const grey = image.subarray(from, to).map((value) => Math.min(255, Math.max(0, 60 + 75 * value)));
  const background = resizePicture(grey, width, height, size).map((value) =>
    Math.min(255, Math.max(0, value)),
  );
  const enlarged = (all: Uint8Array): Uint16Array =>
    resizeLabels(Uint16Array.from(all.subarray(from, to)), width, height, size satisfies Resize);
  const rgb = new Uint8Array(size.width * size.height * 3);
  paint(
    rgb,
    size.width,
    { x: 0, y: 0, width: size.width, height: size.height, outline: 1 },
    {
      background,
      truth: labels && enlarged(labels.truth),
      prediction: labels && enlarged(labels.prediction),
    },
    labels ? "overlay" : "image",
    colors,
  );
  canvas.width = size.width;
  canvas.height = size.height;
  const pixels = new ImageData(size.width, size.height);
  for (let at = 0; at < size.width * size.height; at++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * at + c] = rgb[3 * at + c]!;
    pixels.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
}
