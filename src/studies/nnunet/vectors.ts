import type { DataFingerprint } from "../../tasks/segmentation/nnunet/fingerprint.js";
import type { Plan } from "../../tasks/segmentation/nnunet/plan.js";
import { planDataSet } from "../../tasks/segmentation/nnunet/planner.js";

/** One number or word of a plan beside what it should be. */
export interface Check {
  readonly of: string;
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  readonly agrees: boolean;
}

/** The median of a data set as plans print it: sizes and voxel sizes from the first to the last axis of the network. */
interface Median {
  readonly size: readonly [number, number, number];
  readonly spacingMm: readonly [number, number, number];
  readonly cases: number;
  /** Background included. */
  readonly classes: number;
  readonly channel?: string;
}

const turned = ([k, j, i]: readonly [number, number, number]): [number, number, number] => [i, j, k];

/** The plan of a data set whose cases are all like the median. */
function planOfMedian({ size, spacingMm, cases, classes, channel = "MRI" }: Median): Plan {
  const fingerprint: DataFingerprint = {
    cases: Array.from({ length: cases }, (_, at) => ({
      id: `${at}`,
      size: turned(size),
      sizeBefore: turned(size),
      spacingMm: turned(spacingMm),
      shearDegrees: 0,
    })),
    channels: [{ name: channel, foreground: null }],
    medianRelativeSize: 1,
  };
  const labels = Array.from({ length: classes - 1 }, (_, at) => ({ value: at + 1, name: `${at + 1}` }));
  const labelValues = [0, ...labels.map(({ value }) => value)];
  return planDataSet(fingerprint, { name: "median", background: "background", labels, labelValues });
}

const x = (values: readonly number[]): string => values.join("x");

function check(of: string, what: string, expected: string | number, found: string | number): Check {
  return { of, what, expected: `${expected}`, found: `${found}`, agrees: `${expected}` === `${found}` };
}

/** Three data sets whose plans follow by hand from the published rules. */
export function ruleChecks(): Check[] {
  const small = planOfMedian({ size: [36, 50, 35], spacingMm: [1, 1, 1], cases: 260, classes: 3 });
  const thick = planOfMedian({ size: [20, 320, 320], spacingMm: [3.6, 0.6, 0.6], cases: 32, classes: 3 });
  const large = planOfMedian({ size: [512, 512, 512], spacingMm: [1, 1, 1], cases: 100, classes: 2 });
  const [a, b, c] = [small, thick, large].map(({ configurations }) => configurations["3d_fullres"]!);
  const [first, second, third] = ["36x50x35 at 1 mm", "20x320x320 at 3.6x0.6x0.6 mm", "512x512x512 at 1 mm"];
  const near = c!.patch.every((n) => n >= 96 && n <= 160);
  return [
    check(first!, "patch", "40x56x40", x(a!.patch)),
    check(first!, "halvings of each axis", "3x3x3", x(halvings(a!.strides))),
    check(first!, "kernels other than 3", 0, a!.kernels.flat().filter((n) => n !== 3).length),
    check(first!, "cascade", "no", cascaded(small)),
    check(second!, "first axis", "the thick one", thick.axes[0] === 2 ? "the thick one" : "another"),
    check(
      second!,
      "kernels until voxels are alike",
      "1x3x3, 1x3x3, 3x3x3",
      b!.kernels.slice(0, 3).map(x).join(", "),
    ),
    check(second!, "first strides", "1x2x2, 1x2x2", b!.strides.slice(1, 3).map(x).join(", ")),
    check(second!, "augmented in planes", "yes", b!.planarAugmentation ? "yes" : "no"),
    check(third!, "patch near 128x128x128", "yes", near ? "yes" : `no, ${x(c!.patch)}`),
    check(third!, "cascade", "yes", cascaded(large)),
  ];
}

const halvings = (strides: readonly (readonly number[])[]): number[] =>
  strides[0]!.map((_, axis) => strides.filter((stride) => stride[axis] === 2).length);

const cascaded = ({ configurations }: Plan): string =>
  configurations["3d_cascade_fullres"] === undefined ? "no" : "yes";

interface Published extends Median {
  readonly task: string;
  readonly patch3d?: readonly [patch: string, batch: number];
  readonly patch2d?: readonly [patch: string, batch: number];
  readonly cascade: boolean;
}

/**
 * Medians of the Decathlon's tasks and what was published of their v2 plans: supplement of the 2021 paper and plans of
 * v2, from memory; the liver's and the hippocampus's 3-D plans as printed in issues of MIC-DKFZ/nnUNet (856 and 148).
 */
const decathlon: readonly Published[] = [
  {
    task: "brain tumours",
    size: [138, 169, 138],
    spacingMm: [1, 1, 1],
    cases: 484,
    classes: 4,
    patch3d: ["128x128x128", 2],
    patch2d: ["192x160", 105],
    cascade: false,
  },
  {
    task: "heart",
    size: [115, 320, 232],
    spacingMm: [1.37, 1.25, 1.25],
    cases: 20,
    classes: 2,
    patch3d: ["80x192x160", 2],
    patch2d: ["320x256", 40],
    cascade: false,
  },
  {
    task: "liver",
    size: [482, 512, 512],
    spacingMm: [1, 0.76757812, 0.76757812],
    cases: 131,
    classes: 3,
    channel: "CT",
    patch3d: ["128x128x128", 2],
    patch2d: ["512x512", 12],
    cascade: true,
  },
  {
    task: "hippocampus",
    size: [36, 50, 35],
    spacingMm: [1, 1, 1],
    cases: 260,
    classes: 3,
    patch3d: ["40x56x40", 9],
    patch2d: ["56x40", 366],
    cascade: false,
  },
  {
    task: "prostate",
    size: [20, 320, 319],
    spacingMm: [3.6, 0.62, 0.62],
    cases: 32,
    classes: 3,
    patch3d: ["20x320x256", 2],
    patch2d: ["320x320", 32],
    cascade: false,
  },
  {
    task: "lung",
    size: [252, 512, 512],
    spacingMm: [1.24497998, 0.78515625, 0.78515625],
    cases: 63,
    classes: 2,
    channel: "CT",
    patch3d: ["80x192x160", 2],
    patch2d: ["512x512", 12],
    cascade: true,
  },
  {
    task: "pancreas",
    size: [96, 512, 512],
    spacingMm: [2.5, 0.80273402, 0.80273402],
    cases: 281,
    classes: 3,
    channel: "CT",
    patch3d: ["40x224x224", 2],
    patch2d: ["512x512", 12],
    cascade: true,
  },
  {
    task: "hepatic vessels",
    size: [150, 512, 512],
    spacingMm: [1.5, 0.79882801, 0.79882801],
    cases: 303,
    classes: 3,
    channel: "CT",
    patch3d: ["64x192x192", 2],
    patch2d: ["512x512", 12],
    cascade: true,
  },
  {
    task: "spleen",
    size: [187, 512, 512],
    spacingMm: [1.6, 0.79296899, 0.79296899],
    cases: 41,
    classes: 2,
    channel: "CT",
    patch3d: ["64x192x160", 2],
    patch2d: ["512x512", 12],
    cascade: true,
  },
  {
    task: "colon",
    size: [150, 512, 512],
    spacingMm: [3, 0.78125, 0.78125],
    cases: 126,
    classes: 2,
    channel: "CT",
    cascade: true,
  },
];

/** The ten tasks of the Decathlon planned anew from their medians, beside what was published. */
export function decathlonChecks(): Check[] {
  return decathlon.flatMap(({ task, patch3d, patch2d, cascade, ...median }) => {
    const plan = planOfMedian(median);
    const [full, flat] = [plan.configurations["3d_fullres"]!, plan.configurations["2d"]!];
    const said = (patch: string, batch: number): string => `${patch}, batch ${batch}`;
    return [
      ...(patch3d === undefined
        ? []
        : [check(task, "3-D", said(...patch3d), said(x(full.patch), full.batch))]),
      ...(patch2d === undefined
        ? []
        : [check(task, "2-D", said(...patch2d), said(x(flat.patch), flat.batch))]),
      check(task, "cascade", cascade ? "yes" : "no", cascaded(plan)),
    ];
  });
}
