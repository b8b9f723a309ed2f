import { fail } from "../../core/errors.js";
import { suggestionFor } from "../../core/suggest.js";
import { petGeometries } from "../../sim/pet/geometry.js";
import { type WrittenPet, writePetScans } from "../../sim/pet/node.js";
import { type PhantomKind, phantomKinds } from "../../sim/pet/phantoms.js";

/** What `gyrus simulate pet` was asked for. */
export interface PetOptions {
  readonly out: string;
  readonly subjects?: number;
  readonly seed?: number;
  readonly counts?: number;
  readonly slices?: number;
  readonly geometry?: string;
  readonly phantom?: string;
  readonly diffuse?: number;
}

/** Simulate PET scans as asked. Throws `not-found` for a geometry or a phantom that there is not. */
export function simulatePet(
  options: PetOptions,
  onProgress: (done: number, total: number) => void,
): Promise<WrittenPet> {
  const names = Object.keys(petGeometries) as (keyof typeof petGeometries)[];
  const geometry = known("--geometry", options.geometry ?? "small", names);
  const kinds =
    options.phantom === undefined ? undefined : [known("--phantom", options.phantom, phantomKinds)];
  return writePetScans(options.out, {
    geometry: petGeometries[geometry],
    phantoms: options.subjects ?? 4,
    slicesPerPhantom: options.slices ?? 2,
    seed: options.seed ?? 1,
    counts: options.counts ?? 5e5,
    diffuse: (options.diffuse ?? 0) / 100,
    ...(kinds === undefined ? {} : { kinds: kinds as readonly PhantomKind[] }),
    onProgress,
  });
}

function known<T extends string>(option: string, given: string, names: readonly T[]): T {
  const found = names.find((name) => name === given);
  return (
    found ??
    fail("not-found", {
      what: `there is no ${option.slice(2)} "${given}"`,
      where: option,
      expected: names.join(", "),
      fix: suggestionFor(given, names),
    })
  );
}
