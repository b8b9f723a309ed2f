/** The 97.5th percentile of the normal distribution. */
const normal975 = 1.959963984540054;

/** Wilson's 95 % interval of a share (1927). */
export function wilson(hits: number, of: number): readonly [low: number, high: number] {
  const z = normal975;
  const share = hits / of;
  const middle = share + (z * z) / (2 * of);
  const half = z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of));
  const scale = 1 + (z * z) / of;
  return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)];
}
