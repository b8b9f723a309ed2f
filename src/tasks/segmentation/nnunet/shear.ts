/** Axes further from right angles than this are worth a word. */
const worthSayingDegrees = 0.05;

/** So many cases are named one by one. */
const mostNamed = 5;

/** A sentence for every case whose axes are not at right angles; beyond five of them, one for all others. */
export function shearWarnings(
  cases: readonly { readonly id: string; readonly shearDegrees: number }[],
): string[] {
  const sheared = cases.filter(({ shearDegrees }) => shearDegrees > worthSayingDegrees);
  const named = sheared
    .slice(0, mostNamed)
    .map(
      ({ id, shearDegrees }) =>
        `${id}: its axes are ${shearDegrees.toFixed(1)} degrees from right angles. It is used along its own axes with the lengths that the affine gives them, and predictions lie on its own grid; resample it to a straight grid if shapes must be exact.`,
    );
  const others = sheared.slice(mostNamed).map(({ shearDegrees }) => shearDegrees);
  if (others.length === 0) return named;
  const most = Math.max(...others).toFixed(1);
  return [
    ...named,
    `The axes of ${others.length} further scan${others.length === 1 ? " are" : "s are"} not at right angles either, up to ${most} degrees.`,
  ];
}
