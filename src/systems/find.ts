import { fail } from "../core/errors.js";
import { suggestionFor } from "../core/suggest.js";
import { systems } from "./registry.js";
import type { System } from "./system.js";

/** The system of that name. Throws `not-found` with the nearest name. */
export function findSystem(name: string): System {
  const names = systems.map((system) => system.name);
  return (
    systems.find((system) => system.name === name) ??
    fail("not-found", {
      what: "there is no such system",
      where: name,
      expected: names.join(", "),
      fix: suggestionFor(name, names),
    })
  );
}
