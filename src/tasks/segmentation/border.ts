import { connectedComponents } from "../../volume/components.js";
import { distanceTransform } from "../../volume/distance.js";
import type { Size3 } from "../../volume/volume.js";

/**
 * Ronneberger's weight for the gaps between touching objects: w0 exp(-(d1 + d2)² / (2 σ²)) on background pixels,
 * d1 and d2 the distances to the nearest and second nearest object, in pixels; 0 on objects and where fewer than
 * two objects are near (arXiv 1505.04597, eq. 2; the class weights are added by the caller).
 *
 * @param labels classes of a patch `[j, i]`, 0 is background; objects are its 4-connected components
 */
export function borderWeights(
  labels: Uint8Array,
  [width, height]: readonly [number, number],
  { weight, sigmaPixels }: { readonly weight: number; readonly sigmaPixels: number },
): Float32Array {
  const size: Size3 = [width, height, 1];
  const foreground = labels.map((label) => (label === 0 ? 0 : 1));
  const grid = { size, affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] };
  const { volume: objects, count } = connectedComponents({ data: foreground, channels: 1, ...grid }, 4);
  // exp(-(d1 + d2)² / 2σ²) is below 1e-5 beyond five sigma: no object matters farther away than that.
  const reach = Math.ceil(5 * sigmaPixels);
  const nearest = new Float32Array(labels.length).fill(Number.POSITIVE_INFINITY);
  const second = new Float32Array(labels.length).fill(Number.POSITIVE_INFINITY);
  for (const box of boxesOf(objects.data, width, count, reach, height)) {
    const [w, h] = [box.right - box.left + 1, box.bottom - box.top + 1];
    const mask = new Uint8Array(w * h);
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++)
        mask[y * w + x] = objects.data[(y + box.top) * width + x + box.left] === box.object ? 1 : 0;
    const distance = distanceTransform(mask, [w, h, 1], [1, 1, 1]);
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) {
        const at = (y + box.top) * width + x + box.left;
        const d = distance[y * w + x]!;
        if (d < nearest[at]!) {
          second[at] = nearest[at]!;
          nearest[at] = d;
        } else if (d < second[at]!) second[at] = d;
      }
  }
  return Float32Array.from(labels, (label, at) => {
    const sum = nearest[at]! + second[at]!;
    return label === 0 && Number.isFinite(sum) ? weight * Math.exp(-(sum * sum) / (2 * sigmaPixels ** 2)) : 0;
  });
}

interface ObjectBox {
  readonly object: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Bounding boxes of objects 1..count, widened by `reach` within the picture. */
function boxesOf(
  objects: ArrayLike<number>,
  width: number,
  count: number,
  reach: number,
  height: number,
): ObjectBox[] {
  const boxes = Array.from(
    { length: count },
    (_, n): ObjectBox => ({
      object: n + 1,
      left: width,
      right: -1,
      top: height,
      bottom: -1,
    }),
  );
  for (let at = 0; at < objects.length; at++) {
    const object = objects[at]!;
    if (object === 0) continue;
    const box = boxes[object - 1]!;
    const [x, y] = [at % width, Math.floor(at / width)];
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
  }
  for (const box of boxes) {
    box.left = Math.max(0, box.left - reach);
    box.top = Math.max(0, box.top - reach);
    box.right = Math.min(width - 1, box.right + reach);
    box.bottom = Math.min(height - 1, box.bottom + reach);
  }
  return boxes;
}
