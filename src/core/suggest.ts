import { closest, distance } from "fastest-levenshtein";

/**
 * The choice that a mistyped word was probably meant to be: the nearest by Levenshtein distance, when at most
 * two letters in five (and at least one) differ. Capitals do not count.
 */
export function nearestTo(word: string, choices: readonly string[]): string | undefined {
  if (choices.length === 0 || word === "") return undefined;
  const typed = word.toLowerCase();
  const byLowerCase = new Map(choices.map((choice) => [choice.toLowerCase(), choice]));
  const whole = [...byLowerCase.keys()].find((choice) => typed.length >= 3 && choice.startsWith(typed));
  const found = whole ?? closest(typed, [...byLowerCase.keys()]);
  const near = whole !== undefined || distance(typed, found) <= Math.max(1, Math.floor(found.length * 0.4));
  return near ? byLowerCase.get(found) : undefined;
}

/** What to do about a word that is none of the choices: "Did you mean …?", or all of them where nothing is near. */
export function suggestionFor(word: string, choices: readonly string[]): string {
  const near = nearestTo(word, choices);
  if (near !== undefined) return `Did you mean "${near}"?`;
  return choices.length === 0 ? "There is nothing to choose from" : `Choose one of: ${choices.join(", ")}`;
}
