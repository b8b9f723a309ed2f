import { fail } from "../core/errors.js";
import { suggestionFor } from "../core/suggest.js";
import { studies, systems } from "./registry.js";
import type { ListedStudy, System } from "./system.js";

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

/** What `gyrus reproduce` takes: a study of its own, or a system that has one. Throws `not-found`, `unsupported`. */
export function findStudy(name: string): Pick<ListedStudy, "name" | "paper" | "study"> {
  const all = [...systems, ...studies];
  const names = all.flatMap((one) => (one.study === undefined ? [] : [one.name]));
  const found =
    all.find((one) => one.name === name) ??
    fail("not-found", {
      what: "there is no such system or study",
      where: name,
      expected: all.map((one) => one.name).join(", "),
      fix: suggestionFor(
        name,
        all.map((one) => one.name),
      ),
    });
  const { study, paper } = found;
  if (study === undefined)
    return fail("unsupported", {
      what: "this system has no study yet",
      where: name,
      expected: names.join(", "),
      fix: "Train and evaluate it on your own data: see gyrus train --help",
    });
  return { name, paper, study };
}
