/** From which step on how many steps the whole training was to have. */
export type Revisions = readonly { readonly step: number; readonly totalSteps: number }[];

/**
 * How far a training is at a step, from 0 to 1, where its length was revised on the way: every revision spreads what
 * was left over the steps that were then to come, so that a schedule never jumps and always ends at 1.
 */
export function progressAt(revisions: Revisions, step: number): number {
  let progress = 0;
  revisions.forEach((revision, at) => {
    const until = Math.min(step, revisions[at + 1]?.step ?? step);
    const left = revision.totalSteps - revision.step;
    if (until > revision.step && left > 0)
      progress += (1 - progress) * Math.min(1, (until - revision.step) / left);
  });
  return progress;
}
