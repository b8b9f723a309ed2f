// The result as text.

const time = (seconds) =>
  seconds === null ? "" : seconds < 0.1 ? `${(1000 * seconds).toFixed(1)} ms` : `${seconds.toFixed(3)} s`;
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

/** exp of the mean of the logarithms. */
export const geometricMean = (values) =>
  Math.exp(values.reduce((total, value) => total + Math.log(value), 0) / values.length);

/** Their time over ours, as far as it is known. */
export function ratioOf({ ratio, ratioAtLeast }) {
  if (ratio !== null) return ratio.toFixed(2);
  return ratioAtLeast === undefined ? "" : `> ${ratioAtLeast.toFixed(0)}`;
}

/** A row for people. */
function cells(row) {
  if (row.ours === null)
    return [`${row.workload} ${row.kind}`, ...new Array(header.length - 2).fill(""), row.error];
  const [mine, theirs] = row.peakBytes;
  const difference = row.lossDifference ?? row.outputDifference ?? null;
  return [
    `${row.workload} ${row.kind}`,
    row.variant ? `${row.peer} ${row.variant}` : row.peer,
    time(row.ours),
    row.theirs === null ? "" : time(row.theirs),
    ratioOf(row),
    megabytes(mine),
    theirs === null ? "" : megabytes(theirs),
    row.memoryRatio === null ? "" : row.memoryRatio.toFixed(2),
    difference === null ? "" : difference.toExponential(0),
    time(row.sessionSeconds),
    row.coresApartNs === undefined ? "" : `${row.coresApartNs.join(", ")} ns`,
    row.error ?? row.note ?? "",
  ];
}

const header =
  "workload|peer|ours|theirs|theirs / ours|our peak|their peak|ours / theirs|differ by|our session opens in|cores apart before, after|".split(
    "|",
  );

/** Rows as an aligned table, what the letters mean, and geometric means. */
export function table(rows, workloads) {
  const lines = [header, ...rows.map(cells)];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        column < 2 || column === 11 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join("  ")
      .trimEnd(),
  );
  const legend = [...new Set(rows.map((row) => row.workload))].map(
    (id) => `${id}  ${workloads[id].title}; ${workloads[id].parameters} parameters`,
  );
  return [...legend, "", ...text, "", ...means(rows)].join("\n");
}

function means(rows) {
  const groups = new Map();
  for (const { peer, kind, ratio, memoryRatio } of rows) {
    if (ratio === null) continue;
    const group = groups.get(`${peer}, ${kind}`) ?? { ratios: [], memory: [] };
    group.ratios.push(ratio);
    group.memory.push(memoryRatio);
    groups.set(`${peer}, ${kind}`, group);
  }
  return [...groups].map(
    ([name, { ratios, memory }]) =>
      `geometric mean of ${ratios.length}, ${name}: ${geometricMean(ratios).toFixed(2)} times their speed, ` +
      `${geometricMean(memory).toFixed(2)} times their memory`,
  );
}
