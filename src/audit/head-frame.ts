import { convolveAlong, gaussianKernel } from "../volume/gaussian.js";

/** A flat picture of one channel, rows of `width` values. */
export interface Picture {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** Where the head lies in a picture: its centre, its mean radius (both in pixels) and how far it is turned. */
export interface HeadFrame {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly angle: number;
}

/** A picture of which less than this share, or more than the rest of it, stands out from its border shows no head. */
const leastShare = 0.01;

/**
 * The head in a picture, by the moments of what stands out from the background (Otsu's threshold on a smoothed copy): the
 * same for a copy that is shifted, turned by less than 45 degrees, larger or smaller, brighter or noisier. Nothing
 * for a picture that is empty or even.
 */
export function headFrame(picture: Picture): HeadFrame | undefined {
  const { width, height } = picture;
  const smooth = Float64Array.from(picture.data);
  const kernel = gaussianKernel(1);
  convolveAlong(smooth, [width, height, 1], 0, kernel);
  convolveAlong(smooth, [width, height, 1], 1, kernel);
  const background = medianOfBorder(smooth, width, height);
  for (let v = 0; v < smooth.length; v++) smooth[v] = Math.abs(smooth[v]! - background);
  const limit = 0.6 * otsu(smooth);
  let [count, sumX, sumY, sumXX, sumYY, sumXY] = [0, 0, 0, 0, 0, 0];
  for (let y = 0, v = 0; y < height; y++)
    for (let x = 0; x < width; x++, v++) {
      if (!(smooth[v]! > limit)) continue;
      count++;
      sumX += x;
      sumY += y;
      sumXX += x * x;
      sumYY += y * y;
      sumXY += x * y;
    }
  if (count < Math.max(16, leastShare * smooth.length)) return undefined;
  const [x, y] = [sumX / count, sumY / count];
  const [xx, yy, xy] = [sumXX / count - x * x, sumYY / count - y * y, sumXY / count - x * y];
  const radius = Math.sqrt((xx + yy) / 2);
  if (!(radius > 1)) return undefined;
  return { x, y, radius, angle: turnOf(xx, yy, xy) };
}

/** The turn of the longer axis from the nearest axis of the picture; none for a shape that is nearly round. */
function turnOf(xx: number, yy: number, xy: number): number {
  const half = Math.hypot((xx - yy) / 2, xy);
  const [long, short] = [(xx + yy) / 2 + half, (xx + yy) / 2 - half];
  if (!(short > 0) || Math.sqrt(long / short) < 1.08) return 0;
  let angle = Math.atan2(2 * xy, xx - yy) / 2;
  while (angle > Math.PI / 4) angle -= Math.PI / 2;
  while (angle < -Math.PI / 4) angle += Math.PI / 2;
  return angle;
}

function medianOfBorder(data: Float64Array, width: number, height: number): number {
  const border: number[] = [];
  for (let x = 0; x < width; x++) border.push(data[x]!, data[(height - 1) * width + x]!);
  for (let y = 0; y < height; y++) border.push(data[y * width]!, data[y * width + width - 1]!);
  border.sort((a, b) => a - b);
  return border[border.length >> 1]!;
}

/** Otsu's threshold (1979): the one that makes the two sides' means differ most. */
export function otsu(values: Float64Array): number {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(high > low)) return high;
  const bins = 128;
  const counts = new Float64Array(bins);
  const scale = bins / (high - low);
  for (const value of values) counts[Math.min(bins - 1, Math.floor((value - low) * scale))]!++;
  let total = 0;
  for (let b = 0; b < bins; b++) total += b * counts[b]!;
  let [below, sum, best, at] = [0, 0, -1, 0];
  for (let b = 0; b < bins - 1; b++) {
    below += counts[b]!;
    sum += b * counts[b]!;
    const above = values.length - below;
    if (below === 0 || above === 0) continue;
    const between = below * above * (sum / below - (total - sum) / above) ** 2;
    if (between > best) [best, at] = [between, b];
  }
  return low + (at + 1) / scale;
}

/** Half the side of the square that is looked at, in mean radii: the head with a little around it. */
const reach = 2.15;

/** `size` x `size` values of the square around a head, upright and of one scale; bilinear, what lies outside repeats the edge. */
export function sampleHead(
  { data, width, height }: Picture,
  { x, y, radius, angle }: HeadFrame,
  size: number,
): Float32Array {
  const out = new Float32Array(size * size);
  const step = (2 * radius * reach) / size;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  for (let row = 0, v = 0; row < size; row++)
    for (let column = 0; column < size; column++, v++) {
      const [u, w] = [(column + 0.5 - size / 2) * step, (row + 0.5 - size / 2) * step];
      const px = Math.min(width - 1, Math.max(0, x + cos * u - sin * w));
      const py = Math.min(height - 1, Math.max(0, y + sin * u + cos * w));
      const [i, j] = [Math.min(width - 2, Math.floor(px)), Math.min(height - 2, Math.floor(py))];
      const [a, b] = [px - i, py - j];
      const at = j * width + i;
      out[v] =
        (1 - b) * ((1 - a) * data[at]! + a * data[at + 1]!) +
        b * ((1 - a) * data[at + width]! + a * data[at + width + 1]!);
    }
  return out;
}
