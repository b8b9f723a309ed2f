import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import type { Scene } from "../../src/studies/audit/scenes.js";
import { runTrial } from "../../src/studies/audit/trial.js";

const nothing = { sliced: [], visits: [] };

describe("drawn records", () => {
  const trials = (scene: Scene) =>
    Promise.all(Array.from({ length: 40 }, (_, n) => runTrial(scene, nothing, rng(3).split(scene, n))));

  it.each(["late-split", "no-test"] as const)(
    "with a leak are found, for what they are: %s",
    async (scene) => {
      for (const { found, right } of await trials(scene)) expect(found && right).toBe(true);
    },
  );

  it("without one are not", async () => {
    for (const { found } of await trials("clean-run")) expect(found).toBe(false);
  });
});
