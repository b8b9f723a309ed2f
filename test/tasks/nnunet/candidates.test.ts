import { describe, expect, it } from "vitest";
import {
  candidateEnsembles,
  choiceWords,
  judgeStep,
  rankCandidates,
} from "../../../src/tasks/segmentation/nnunet/candidates.js";
import { postprocess } from "../../../src/tasks/segmentation/nnunet/postprocess.js";
import { identityAffine } from "../../../src/volume/affine.js";
import type { LabelVolume } from "../../../src/volume/volume.js";

const targets = [
  { name: "edema", classes: [1] },
  { name: "core", classes: [2] },
];

describe("candidates", () => {
  it("are every configuration and every two of them", () => {
    expect(candidateEnsembles(["2d", "3d_lowres", "3d_fullres"])).toEqual([
      ["2d"],
      ["3d_lowres"],
      ["3d_fullres"],
      ["2d", "3d_lowres"],
      ["2d", "3d_fullres"],
      ["3d_lowres", "3d_fullres"],
    ]);
  });

  it("are ranked by the mean over labels of the mean over cases; of equals the single one", () => {
    const ensembles = candidateEnsembles(["2d", "3d_fullres"]);
    const ranked = rankCandidates(
      ensembles,
      [
        [
          [0.5, 0.7],
          [0.7, null],
        ],
        [
          [0.8, 0.8],
          [0.6, null],
        ],
        [
          [0.8, 0.8],
          [0.6, null],
        ],
      ],
      targets,
    );
    expect(ranked.map(({ ensemble }) => ensemble.join())).toEqual(["3d_fullres", "2d,3d_fullres", "2d"]);
    expect(ranked[0]).toEqual({
      ensemble: ["3d_fullres"],
      meanForegroundDice: 0.75,
      labels: { edema: 0.7, core: 0.8 },
    });
  });

  it("are explained in a sentence", () => {
    const candidate = (ensemble: ("2d" | "3d_fullres")[], meanForegroundDice: number) => ({
      ensemble,
      meanForegroundDice,
      labels: {},
    });
    const classes = ["background", "edema", "core"];
    const many = [
      candidate(["2d", "3d_fullres"], 0.9),
      candidate(["3d_fullres"], 0.88),
      candidate(["2d"], 0.8),
    ];
    expect(
      choiceWords(many, [0, 1], 12, classes, [{ keepLargest: [1, 2] }, { keepLargest: [2] }], 0.91),
    ).toBe(
      "2d and 3d_fullres together have the highest mean foreground Dice in cross-validation, over 12 cases of 2 folds: 0.9000 (3d_fullres 0.8800, 2d 0.8000); keeping the largest piece of edema and core; then of core raises it to 0.9100.",
    );
    expect(choiceWords([candidate(["2d"], 0.8)], [0], 3, classes, [], 0.8)).toBe(
      "2d is the only configuration that is trained: mean foreground Dice 0.8000 in cross-validation, over 3 cases of 1 fold; no post-processing improves it.",
    );
  });
});

describe("a step of post-processing", () => {
  it("stays where the mean rises and no label falls", () => {
    expect(judgeStep([[0.5, 0.5]], [[0.6, 0.5]], targets)).toEqual({
      kept: true,
      reason: "the mean Dice rises from 0.5000 to 0.5500",
      before: 0.5,
      after: 0.55,
    });
    expect(judgeStep([[0.5, 0.5]], [[0.9, 0.49]], targets)).toMatchObject({
      kept: false,
      reason: "core would lose by it",
    });
    expect(judgeStep([[0.5, 0.5]], [[0.5, 0.5]], targets)).toMatchObject({
      kept: false,
      reason: "the mean Dice would not rise (0.5000 to 0.5000)",
    });
  });

  it("of a label needs that label to rise", () => {
    expect(judgeStep([[0.5, 0.5]], [[0.6, 0.5]], targets, 1).kept).toBe(false);
    expect(judgeStep([[0.5, 0.5]], [[0.5, 0.6]], targets, 1)).toMatchObject({
      kept: true,
      reason: "the Dice of core rises from 0.5000 to 0.6000",
    });
  });
});

describe("keeping the largest piece", () => {
  const map = (rows: readonly string[]): LabelVolume => ({
    data: Uint8Array.from(rows.join("").split("").map(Number)),
    size: [rows[0]!.length, rows.length, 1],
    channels: 1,
    affine: identityAffine,
  });
  const rows = ["0110020", "0100020", "0020000", "0000001"];

  it("takes classes together: what touches by a corner is one piece", () => {
    expect(postprocess(map(rows), [{ keepLargest: [1, 2] }])).toEqual(
      map(["0110000", "0100000", "0020000", "0000000"]),
    );
  });

  it("takes one class by itself, step after step", () => {
    expect(postprocess(map(rows), [{ keepLargest: [2] }])).toEqual(
      map(["0110020", "0100020", "0000000", "0000001"]),
    );
    expect(postprocess(map(rows), [{ keepLargest: [2] }, { keepLargest: [1] }])).toEqual(
      map(["0110020", "0100020", "0000000", "0000000"]),
    );
  });

  it("leaves maps alone that have one piece, or nothing of it", () => {
    const one = map(["010", "010"]);
    expect(postprocess(one, [{ keepLargest: [1] }, { keepLargest: [2] }])).toEqual(one);
    expect(postprocess(one, [])).toBe(one);
  });
});
