/** A scan over its template as one grey picture: what a person looks at where figures say that something is wrong. */
import type { ImageVolume, Volume } from "../volume/volume.js";
import { volume } from "../volume/volume.js";

/**
 * Middle axial, coronal and sagittal planes side by side, a row for each image, front and top upwards, each image from
 * its darkest to its 99th percentile. All images on one grid.
 */
export function planesPicture(images: readonly ImageVolume[]): Volume<Uint8Array> {
  const [ni, nj, nk] = images[0]!.size;
  const [width, tall] = [ni + ni + nj, Math.max(nj, nk)];
  const data = new Uint8Array(width * tall * images.length);
  images.forEach((image, row) => {
    const shade = shadesOf(image);
    const put = (x: number, y: number, v: number): void => {
      data[(row * tall + y) * width + x] = shade(image.data[v]!);
    };
    const [i0, j0, k0] = [Math.floor(ni / 2), Math.floor(nj / 2), Math.floor(nk / 2)];
    for (let i = 0; i < ni; i++) {
      for (let j = 0; j < nj; j++) put(i, nj - 1 - j, (k0 * nj + j) * ni + i);
      for (let k = 0; k < nk; k++) put(ni + i, nk - 1 - k, (k * nj + j0) * ni + i);
    }
    for (let j = 0; j < nj; j++)
      for (let k = 0; k < nk; k++) put(2 * ni + j, nk - 1 - k, (k * nj + j) * ni + i0);
  });
  const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  return volume(data, { size: [width, tall * images.length, 1], affine });
}

function shadesOf({ data }: ImageVolume): (value: number) => number {
  const sorted = Float32Array.from(data).sort();
  const [low, high] = [sorted[0]!, sorted[Math.floor(0.99 * (sorted.length - 1))]!];
  const range = high > low ? high - low : 1;
  return (value) => Math.max(0, Math.min(255, Math.round((255 * (value - low)) / range)));
}
