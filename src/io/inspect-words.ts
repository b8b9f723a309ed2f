import { showAffine } from "../volume/affine.js";
import type { DataSetInspection, FileInspection, Spread } from "./inspect-types.js";

/** An inspection as lines for people: what it is first, then what is wrong. */
export function describeInspection(found: FileInspection | DataSetInspection): string[] {
  const lines = found.kind === "file" ? describeFile(found) : describeDataSet(found);
  for (const { level, where, what, fix } of found.problems)
    lines.push(
      `${level === "error" ? "ERROR" : "caution"}  ${where === found.path ? "" : `${where}: `}${what}. ${fix}.`,
    );
  if (found.problems.length === 0) lines.push("nothing wrong found");
  return lines;
}

function describeFile({ path, format, facts }: FileInspection): string[] {
  if (facts === undefined) return [`${path}: ${format}`];
  const { size, channels, orientation, storedAs, range, affine, geometry, whole, distinct } = facts;
  return [
    `${path}: ${format}`,
    `size      ${size.join(" x ")}${channels > 1 ? `, ${channels} channels` : ""}`,
    `spacing   ${facts.spacingMm.map((mm) => Number(mm.toPrecision(5))).join(" x ")} mm`,
    `axes      ${orientation} (${geometry})`,
    `stored    ${storedAs}, ${range[0]} to ${range[1]}${whole ? `, whole numbers, ${distinct >= 256 ? "256 or more" : distinct} values` : ""}`,
    `affine    ${showAffine(affine)}`,
  ];
}

function describeDataSet({ path, dataset, summary }: DataSetInspection): string[] {
  const range = ([low, middle, high]: Spread) =>
    low === high ? `${round(low)}` : `${round(low)} to ${round(high)} (median ${round(middle)})`;
  return [
    `${path}: ${{ msd: "Decathlon or nnU-Net", bids: "BIDS", pairs: "pairs of images and labels" }[dataset.kind]}, "${dataset.name}"`,
    `cases     ${summary.cases} of ${summary.subjects} subjects, ${summary.labelled} with labels`,
    `channels  ${dataset.channels.join(", ")}`,
    ...(summary.size.every(([, , largest]) => largest === 0)
      ? ["size      unknown: no image could be read"]
      : [
          `size      ${summary.size.map(range).join(" x ")} voxels`,
          `spacing   ${summary.spacingMm.map(range).join(" x ")} mm`,
        ]),
    ...summary.labels.map(
      ({ name, volumeMm3, present }, at) =>
        `label ${dataset.labelValues[at + 1]}   ${name}: ${range(volumeMm3)} mm³, in ${present} of ${summary.labelled} cases`,
    ),
  ];
}

function round(x: number): number {
  return Number(x.toPrecision(4));
}
