import { describe, expect, it } from "vitest";
import { labelsOf } from "../../src/io/dataset-msd-labels.js";

const read = (labels: Parameters<typeof labelsOf>[0]["labels"], order?: readonly number[]) =>
  labelsOf({ labels, regions_class_order: order }, "dataset.json", undefined);

describe("labels of dataset.json", () => {
  it("are the same whether numbers or names come first, in order of their numbers", () => {
    const expected = {
      background: "background",
      labelValues: [0, 2, 10],
      labels: [
        { value: 1, name: "b" },
        { value: 2, name: "a" },
      ],
    };
    expect(read({ "0": "background", "10": "a", "2": "b" })).toEqual(expected);
    expect(read({ background: 0, a: 10, b: 2 })).toEqual(expected);
  });

  it("may be regions, painted one over the other", () => {
    const brats = { background: 0, whole: [1, 2, 4], core: [2, 4], enhancing: 4, ignore: 7 };
    expect(read(brats, [1, 2, 4])).toEqual({
      background: "background",
      labelValues: [0, 1, 2, 4, 7],
      labels: [
        { value: 1, name: "label 1" },
        { value: 2, name: "label 2" },
        { value: 3, name: "enhancing" },
      ],
      regions: [
        { name: "whole", classes: [1, 2, 3], paintedAs: 1 },
        { name: "core", classes: [2, 3], paintedAs: 2 },
        { name: "enhancing", classes: [3], paintedAs: 3 },
      ],
      ignoredClass: 4,
    });
  });

  it.each([
    [{ background: 0, lesion: -1 }, undefined, /dataset\.json, labels\.lesion: a label has no number/],
    [{ background: 0, lesion: 0.5 }, undefined, /labels\.lesion: a label has no number/],
    [{ zero: "background" }, undefined, /labels\.zero: a label has no number\. .*Found "zero": "background"/],
    [{ background: 0, a: 1, b: 1 }, undefined, /labels\.b: the labels "a" and "b" have the same number/],
    [{ background: 0, a: 1, ignore: 1 }, undefined, /labels\.ignore: .*number of another label/],
    [
      { background: 0, whole: [1, 2], core: 2 },
      undefined,
      /regions_class_order: .*Expected 2 labels, for whole, core in this order\. Found nothing\. Add "regions_class_order": \[1, 2\]/,
    ],
    [
      { background: 0, whole: [1, 2], core: 2 },
      [1, 9],
      /the region "core" is painted with a label that there is not\. Expected one of 1, 2\. Found 9\. Put one of these in the place of 9/,
    ],
  ] as const)("(%#) that make no sense are refused by key", (labels, order, words) => {
    expect(() => read(labels, order)).toThrow(words);
  });
});
