import { fail } from "../core/errors.js";
import { suggestionFor } from "../core/suggest.js";
import { findSystem } from "../systems/find.js";
import type { System } from "../systems/system.js";

/** The system of that name, with the preset checked before anything heavy is loaded. Throws `not-found`. */
export function systemNamed(name: string, preset: string | undefined): System {
  const system = findSystem(name);
  const presets = Object.keys(system.presets);
  if (preset !== undefined && !presets.includes(preset))
    fail("not-found", {
      what: `there is no preset "${preset}"`,
      where: system.name,
      expected: presets.join(", "),
      fix: suggestionFor(preset, presets),
    });
  return system;
}
