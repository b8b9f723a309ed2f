import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { floats, type Tensor } from "../../src/core/tensor.js";
import type { Value } from "../../src/graph/node.js";
import { program } from "../../src/graph/program.js";
import { lower } from "../../src/lower/lower.js";
import { nodeCpu } from "../../src/runtime/node.js";

/** A tensor as the scripts in scripts/golden write it. */
export interface Packed {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export type PackedByName = Readonly<Record<string, Packed>>;

/** Values made by PyTorch: see the script of the same name in scripts/golden. */
export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), "utf8")) as T;
}

export const unpack = ({ shape, data }: Packed): Tensor<"float32"> => floats(shape, data);

/** Run a graph on the engine that users have. */
export async function evaluate(
  outputs: Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const executable = await nodeCpu.compile(lower(program(outputs), await nodeCpu.target()), { threads: 1 });
  try {
    return await executable.run(feeds);
  } finally {
    await executable.dispose();
  }
}

/** Of equal shape, and no element further away than `tolerance` times the largest wanted one (or 1). */
export function expectClose(found: Tensor, wanted: Packed, tolerance: number, name = ""): void {
  expect(found.shape, name).toEqual(wanted.shape);
  const scale = Math.max(1, ...wanted.data.map(Math.abs));
  const worst = Math.max(...wanted.data.map((value, at) => Math.abs(value - Number(found.data[at]))));
  expect(worst / scale, name).toBeLessThan(tolerance);
}
