import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { withBiasField, withRicianNoise } from "../../src/sim/artefacts.js";
import { drawBrain } from "../../src/sim/brain.js";
import { cohortGrid, cohortPresets } from "../../src/sim/cohort.js";
import { adniMprage, mprageSignal, t1Image, t1Signals } from "../../src/sim/contrast.js";
import { fullStructures, L } from "../../src/sim/labels.js";
import { renderBrain } from "../../src/sim/render.js";
import { volume } from "../../src/volume/volume.js";

describe("mprageSignal", () => {
  // Golden values: the steady state in closed form (composition of affine maps), worked out apart in Python.
  it.each([
    ["white matter", 832, 0.7, 0.032752495],
    ["grey matter", 1331, 0.82, 0.0220428205],
    ["fluid", 4300, 1, 0.0050746625],
    ["fat", 380, 0.52, 0.0461141739],
  ])("of %s is the steady state", (_, t1Ms, protonDensity, expected) => {
    expect(mprageSignal({ t1Ms, protonDensity }, adniMprage)).toBeCloseTo(expected, 8);
  });

  it("refuses a train that does not fit", () => {
    expect(() => mprageSignal({ t1Ms: 800, protonDensity: 1 }, { ...adniMprage, echoes: 400 })).toThrow(
      "the echo train does not fit between inversion and the end of the cycle",
    );
  });
});

describe("t1Signals", () => {
  it("orders the tissues as a T1-weighted image does, for everybody", () => {
    for (let seed = 0; seed < 20; seed++) {
      const s = t1Signals(adniMprage, rng(seed));
      expect(s[L.whiteMatter]).toBe(1);
      expect(s[L.cortex]).toBeLessThan(0.85);
      expect(s[L.csf]).toBeLessThan(0.4 * s[L.cortex]!);
      expect(s[L.thalamus]).toBeGreaterThan(s[L.cortex]!);
      expect(s[L.pallidum]).toBeGreaterThan(s[L.caudate]!);
      expect(s[L.bone]).toBeLessThan(s[L.csf]!);
      expect(s[L.fat]).toBeGreaterThan(1);
      expect(s[L.background]).toBe(0);
    }
  });

  it("gives every structure a signal, both sides the same", () => {
    const s = t1Signals();
    for (const { index, name } of fullStructures) {
      if (index > 0) expect(s[index], name).toBeGreaterThan(0);
      if (name.startsWith("left ")) expect(s[index + 1]).toBe(s[index]);
    }
  });
});

describe("t1Image", () => {
  const brain = renderBrain(drawBrain(rng(3)), cohortGrid(cohortPresets.tiny));
  it("has soft edges, no not-a-numbers, and the tissues' order in the means", () => {
    const image = t1Image(brain, rng(1)).data;
    expect(image.every((x) => Number.isFinite(x) && x >= 0)).toBe(true);
    const mean = (...labels: number[]): number => {
      const values = Array.from(image).filter((_, v) => labels.includes(brain.labels.data[v]!));
      return values.reduce((a, b) => a + b, 0) / values.length;
    };
    expect(mean(10, 11)).toBeGreaterThan(mean(8, 9));
    expect(mean(8, 9)).toBeGreaterThan(mean(7));
    expect(mean(13, 14)).toBeLessThan(0.6);
    const steps = new Set(Array.from(t1Image(brain, rng(1), 0).data, (x) => x.toFixed(3)));
    expect(steps.size).toBeGreaterThan(200);
  });

  it("varies within tissue by the fraction asked for", () => {
    const pure = t1Image(brain, rng(1), 0).data;
    const textured = t1Image(brain, rng(1), 0.05).data;
    const ratios = [];
    for (let v = 0; v < pure.length; v++) if (pure[v]! > 0.3) ratios.push(textured[v]! / pure[v]!);
    const m = ratios.reduce((a, b) => a + b) / ratios.length;
    const sd = Math.sqrt(ratios.reduce((a, b) => a + (b - m) ** 2, 0) / ratios.length);
    expect(m).toBeCloseTo(1, 2);
    expect(sd).toBeGreaterThan(0.04);
    expect(sd).toBeLessThan(0.06);
  });
});

describe("artefacts", () => {
  const flat = (value: number) =>
    volume(new Float32Array(40 ** 3).fill(value), {
      size: [40, 40, 40],
      affine: [4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1],
    });

  it("Rician noise has the Rayleigh mean in air and the normal spread in bright tissue", () => {
    const air = withRicianNoise(flat(0), rng(1), 0.1).data;
    const mean = air.reduce((a, b) => a + b) / air.length;
    expect(mean).toBeCloseTo(0.1 * Math.sqrt(Math.PI / 2), 3);
    const bright = withRicianNoise(flat(5), rng(1), 0.1).data;
    const m = bright.reduce((a, b) => a + b) / bright.length;
    const sd = Math.sqrt(bright.reduce((a, b) => a + (b - m) ** 2, 0) / bright.length);
    expect(sd).toBeCloseTo(0.1, 2);
    expect(m).toBeCloseTo(Math.sqrt(25 + 0.01), 2);
  });

  it("the bias field is smooth, positive, and repeatable", () => {
    const field = withBiasField(flat(1), rng(4), 10).data;
    expect(Array.from(field)).toEqual(Array.from(withBiasField(flat(1), rng(4), 10).data));
    let largest = 0;
    for (let v = 1; v < field.length; v++)
      if (v % 40 !== 0) largest = Math.max(largest, Math.abs(Math.log(field[v]! / field[v - 1]!)));
    expect(largest).toBeLessThan(0.06);
    expect(Math.max(...field) / Math.min(...field)).toBeGreaterThan(1.1);
    expect(field.every((x) => x > 0.5 && x < 2)).toBe(true);
  });

  it("refuse what is out of range", () => {
    expect(() => withBiasField(flat(1), rng(1), -1)).toThrow(
      "biasPercent: a percentage is out of range. Expected 0 to 100. Found -1.",
    );
    expect(() => withRicianNoise(flat(1), rng(1), Number.NaN)).toThrow(
      "the standard deviation of the noise is not possible",
    );
  });
});
