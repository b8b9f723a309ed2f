/** A number with fixed decimals and a true minus sign; an en dash where there is none. */
export function decimal(value: number | null | undefined, digits: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return value.toFixed(digits).replace("-", "−");
}

/** An interval: `0.88–0.91`, or with "to" where a sign would make the dash unreadable; an en dash where there is none. */
export function between(low: number | null, high: number | null, digits: number): string {
  if (low === null || high === null) return "–";
  return `${decimal(low, digits)}${low < 0 ? " to " : "–"}${decimal(high, digits)}`;
}

/** Seconds as a reader says them: `0.52 s`, `48 s`, `8 min 04 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** `1 case`, `38 cases`. */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}

/** The size of a network: `4,033 parameters`, `38.36 M parameters`. */
export function parametersInWords(count: number): string {
  return `${count < 1e5 ? count.toLocaleString("en-US") : `${(count / 1e6).toFixed(2)} M`} parameters`;
}
