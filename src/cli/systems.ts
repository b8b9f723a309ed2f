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

/** Throws `bad-argument` for --no-mirror with a system that averages over no mirrored copies. */
export function requireMirrored({ name, averagesMirrored = false }: System, mirror: boolean): void {
  if (mirror || averagesMirrored) return;
  fail("bad-argument", {
    what: `--no-mirror means nothing to ${name}, which averages over no mirrored copies`,
    where: "--no-mirror",
    fix: "Leave it out",
  });
}
