import type { PetGeometry } from "../../../src/sim/pet/geometry.js";

/** A uniform disc on the image's pixels, each pixel the mean over 8x8 points. Lengths in mm. */
export function discImage(
  { imageSize, pixelSizeMm }: PetGeometry,
  radius: number,
  [x0, y0]: readonly [number, number],
  value: number,
): Float32Array {
  const image = new Float32Array(imageSize ** 2);
  const place = (n: number, sub: number): number =>
    (n - (imageSize - 1) / 2 + (sub + 0.5) / 8 - 0.5) * pixelSizeMm;
  for (let j = 0; j < imageSize; j++)
    for (let i = 0; i < imageSize; i++) {
      let inside = 0;
      for (let b = 0; b < 8; b++)
        for (let a = 0; a < 8; a++) if (Math.hypot(place(i, a) - x0, place(j, b) - y0) < radius) inside++;
      image[j * imageSize + i] = (value * inside) / 64;
    }
  return image;
}

/** The disc's mean chord over every bin, by the integral of `2 √(r² - s²)`. */
export function discSinogram(
  { views, bins, binSizeMm, startDegrees }: PetGeometry,
  radius: number,
  [x0, y0]: readonly [number, number],
  value: number,
): Float32Array {
  const below = (s: number): number => {
    const t = Math.max(-1, Math.min(1, s / radius));
    return radius * radius * (t * Math.sqrt(1 - t * t) + Math.asin(t));
  };
  const sinogram = new Float32Array(views * bins);
  for (let view = 0; view < views; view++) {
    const angle = (startDegrees * Math.PI) / 180 + (view * Math.PI) / views;
    const centre = x0 * Math.cos(angle) + y0 * Math.sin(angle);
    for (let b = 0; b < bins; b++) {
      const s = (b - (bins - 1) / 2) * binSizeMm - centre;
      sinogram[view * bins + b] = (value * (below(s + binSizeMm / 2) - below(s - binSizeMm / 2))) / binSizeMm;
    }
  }
  return sinogram;
}
