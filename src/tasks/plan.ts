/** From which step on how many steps the whole training was to have. */
export type Revisions = readonly {
  readonly step: number;
  readonly totalSteps: number;
  /** Somebody gave it another end: schedules go on as if that had been planned from the first step. */
  readonly extended?: boolean | undefined;
}[];

/**
 * How far a training is at a step, from 0 to 1, where its length was revised on the way: every revision spreads what
 * was left over the steps that were then to come, so that a schedule never jumps and always ends at 1. Only where it was
 * extended it goes back, to the share of the new length that is done.
 */
export function progressAt(revisions: Revisions, step: number): number {
  let progress = 0;
  revisions.forEach((revision, at) => {
    if (revision.extended && step >= revision.step) progress = revision.step / revision.totalSteps;
    const until = Math.min(step, revisions[at + 1]?.step ?? step);
    const left = revision.totalSteps - revision.step;
    if (until > revision.step && left > 0)
      progress += (1 - progress) * Math.min(1, (until - revision.step) / left);
  });
  return progress;
}
