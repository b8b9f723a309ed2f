import { trainedConfiguration } from "./model.js";
import type { Plan } from "./plan.js";
import { type PredictorPlan, previousOf, stageOrder } from "./predictor.js";

type Described = Omit<PredictorPlan, "how">;

const axisNames = ["left-right", "back-front", "bottom-top"];

/** What is done to a scan, step by step, for who runs the networks with other programs. */
export function explainPredictor(plan: Described): string[] {
  const first = plan.stages[plan.ensemble[0]!]!.model.plan;
  return [
    `Read the ${plan.channels.length === 1 ? "image" : `channels ${plan.channels.join(", ")}`} and turn the voxel axes so that the first runs to the right, the second to the front, the third up (RAS+).`,
    `Order the axes ${first.axes.map((axis) => axisNames[axis]).join(", ")}: what follows names them in this order.`,
    "Crop to the box of voxels that are not zero in any channel.",
    ...first.channels.map((channel) => normalizationWords(channel)),
    ...stageOrder(plan).flatMap((name) => stageWords(plan, name)),
    ensembleWords(plan),
    decisionWords(first.dataset),
    "Put the labels into the box that was cropped, with background around it, and turn the axes back.",
    ...plan.postprocessing.map(
      ({ keepLargest }) =>
        `Of ${nameClasses(first.dataset.classes, keepLargest)}${keepLargest.length > 1 ? " together" : ""} keep the largest connected piece (voxels that share a face, an edge or a corner); the rest becomes background.`,
    ),
    `Store ${plan.labels.map(({ name, value }) => `${name} as ${value}`).join(", ")}.`,
  ];
}

function normalizationWords({ name, scheme, withinMask, foreground }: Plan["channels"][number]): string {
  if (scheme === "ct" && foreground !== null)
    return `${name}: cut to ${foreground.low} … ${foreground.high}, subtract ${foreground.mean}, divide by ${foreground.deviation}.`;
  if (scheme === "zscore")
    return withinMask
      ? `${name}: subtract the mean and divide by the standard deviation, both of the voxels inside the filled mask of non-zero voxels; zeros outside stay zeros.`
      : `${name}: subtract the mean and divide by the standard deviation of the cropped image.`;
  if (scheme === "minmax") return `${name}: scale to 0 … 1.`;
  if (scheme === "rgb") return `${name}: divide by 255.`;
  return `${name}: as it is.`;
}

function stageWords(plan: Described, name: keyof Described["stages"]): string[] {
  const { model, files } = plan.stages[name]!;
  const { dimensions, spacingMm, patch } = trainedConfiguration(model);
  const previous = previousOf(model);
  const size = spacingMm.map((mm) => Number(mm.toPrecision(6))).join(" x ");
  const planes = dimensions === 2 ? ", plane by plane along the first axis, which keeps its voxels" : "";
  const mirrored =
    model.mirrorAxes.length === 0
      ? ""
      : `, mirrored along every combination of the axes ${model.mirrorAxes.join(", ")} of the window (0 is the first) and turned back`;
  return [
    `${name}: resample to voxels of ${size} mm (cubic splines cut to the range of the image; across voxels more than ${model.plan.resampling.separateAbove} times as long as wide the nearest plane)${planes}.`,
    ...(previous === undefined
      ? []
      : [
          `${name}: add one channel for every label, 1 where ${previous} found it (its outputs resampled from its voxels to these, and decided there) and 0 elsewhere.`,
        ]),
    `${name}: run ${files.join(", ")} on windows of ${patch.join(" x ")} that overlap by ${100 * model.overlap} %, zeros beyond the image${mirrored}. Input "image", output "probabilities".`,
    `${name}: average all outputs, each voxel weighted by a Gaussian about its window's middle whose deviation is an eighth of the window.`,
    `${name}: resample the mean back to the cropped scan, linearly (across thick voxels the nearest plane).`,
  ];
}

function ensembleWords({ ensemble }: Described): string {
  return ensemble.length === 1
    ? `Take the outputs of ${ensemble[0]}.`
    : `Average the outputs of ${ensemble.join(" and ")}.`;
}

function decisionWords({ regions, classes }: Plan["dataset"]): string {
  if (regions === null)
    return `Give every voxel the most probable of ${classes.join(", ")}; of equals the first.`;
  const painted = regions.flatMap(({ name, paintedAs }) =>
    paintedAs === null ? [] : [`${name} as ${classes[paintedAs] ?? paintedAs}`],
  );
  return `Paint the regions above one half over each other in this order: ${painted.join(", ")}.`;
}

/** Classes by name, as in "edema and core". */
export function nameClasses(classes: readonly string[], chosen: readonly number[]): string {
  const names = chosen.map((one) => classes[one] ?? `class ${one}`);
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
