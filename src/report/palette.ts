/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number];

/**
 * The chromatic colours of Okabe and Ito's set, which readers with any of the common colour-vision
 * deficiencies tell apart (Okabe & Ito 2008, "Color Universal Design"). Black is left out: images are black.
 * After them two of Tol's muted set (Tol 2021, SRON/EPS/TN/09-002), for tables of eight or nine structures. Ordered so that the first few differ in lightness too and stand out on a grey image.
 */
export const palette: readonly string[] = [
  "#e69f00", // orange
  "#56b4e9", // sky blue
  "#009e73", // bluish green
  "#f0e442", // yellow
  "#cc79a7", // reddish purple
  "#d55e00", // vermilion
  "#0072b2", // blue
  "#882255", // wine
  "#999933", // olive
];

/** The i-th colour as `#rrggbb`; they repeat, so a legend with more entries is ambiguous by colour. */
export function colorAt(index: number): string {
  return palette[index % palette.length]!;
}

/** `#rrggbb` as three bytes. */
export function rgbOf(color: string): Rgb {
  const bits = Number.parseInt(color.slice(1), 16);
  return [(bits >> 16) & 255, (bits >> 8) & 255, bits & 255];
}
