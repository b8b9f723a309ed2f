import { figure, folded, html, lettered, type Markup, name, page, table } from "../report/html.js";
import { type MontagePanel, montage } from "../report/montage.js";
import type { Seen, ShownPair } from "./check-content.js";
import { isPicture } from "./images.js";
import type { Audit, CheckResult, Evidence } from "./types.js";
import { categoryWords, verdictOf } from "./words.js";

/** Pairs that are shown in pictures at most: the strongest, then some of the weakest, which one may doubt. */
const mostPairs = { strongest: 12, weakest: 4 } as const;

/** An audit as one HTML page that opens offline, with pairs of images side by side. */
export function buildAuditReport({
  audit,
  pairs,
}: {
  readonly audit: Audit;
  readonly pairs: readonly ShownPair[];
}): string {
  const header = html`<p class="over">audit · ${audit.kind}</p>
<h1>${name(audit.name)}</h1>
<p><strong>${verdictOf(audit)}</strong></p>
<p>${audit.counts.train} images for training, ${audit.counts.validation} for validation, ${audit.counts.test} for testing. Whose images they are: ${audit.identifiers ?? "nothing says so"}.</p>
${audit.notes.map((note) => html`<p>${note}</p>`)}`;
  const footer = html`Made by Gyrus. Research software, not a medical device: nothing here is for diagnosis or treatment.`;
  return page(
    `Audit of ${audit.name}`,
    header,
    [
      { id: "checks", heading: "Checks", content: overview(audit) },
      ...(pairs.length === 0
        ? []
        : [{ id: "pairs", heading: "Pairs of images", content: pairSection(pairs) }]),
      ...audit.checks
        .filter(({ findings }) => findings.length > 0)
        .map((check, at) => ({ id: `finding-${at}`, heading: check.check, content: findingSection(check) })),
    ],
    footer,
  );
}

const statusWords = { found: "found", clean: "clean", "not-checked": "not checked" } as const;

function overview({ checks }: Audit): Markup {
  return html`${table(
    "What was checked, what each check sees and what it does not see.",
    [
      { heading: "Check" },
      { heading: "Result" },
      { heading: "This time" },
      { heading: "Sees" },
      { heading: "Does not see" },
    ],
    checks.map(({ check, status, details, sees, blindTo }) => [
      check,
      status === "found"
        ? html`<strong>${statusWords[status]}</strong>`
        : html`<span style="white-space:nowrap">${statusWords[status]}</span>`,
      details,
      sees,
      blindTo,
    ]),
  )}`;
}

function findingSection({ findings }: CheckResult): Markup {
  return html`${findings.map(
    ({ category, statement, evidence }) =>
      html`<h3>${categoryWords[category]}</h3><p>${statement}.</p>${evidence.filter(({ kind }) => kind !== "pair").map(evidenceMarkup)}${pairTable(evidence)}`,
  )}`;
}

function evidenceMarkup(evidence: Evidence): Markup {
  if (evidence.kind === "names")
    return folded(
      `${evidence.what}: ${evidence.names.length}`,
      html`<ul class="names">${evidence.names.map((one) => html`<li>${name(one)}</li>`)}</ul>`,
    );
  if (evidence.kind === "table")
    return table(
      "Numbers.",
      evidence.columns.map((heading) => ({ heading })),
      evidence.rows.map((row) => [...row]),
    );
  return html``;
}

function pairTable(evidence: readonly Evidence[]): Markup {
  const pairs = evidence.filter((one) => one.kind === "pair");
  if (pairs.length === 0) return html``;
  return table(
    "Pairs.",
    [{ heading: "Held out" }, { heading: "In training" }, { heading: "Why" }],
    pairs.map(({ held, training, words }) => [name(held), name(training), words]),
  );
}

/** The pairs that are shown, in the order of their likeness. */
export function shownPairs<T>(pairs: readonly T[]): readonly T[] {
  const { strongest, weakest } = mostPairs;
  return pairs.length <= strongest + weakest
    ? pairs
    : [...pairs.slice(0, strongest), ...pairs.slice(-weakest)];
}

function pairSection(pairs: readonly ShownPair[]): Markup {
  const shown = shownPairs(pairs.filter(({ held, training }) => held.description && training.description));
  return html`<p>Left: held out. Right: in training. ${pairs.length > shown.length ? `The ${mostPairs.strongest} most alike and the ${mostPairs.weakest} least alike of ${pairs.length} pairs.` : ""}</p>
<div class="charts">${shown.map((pair) => {
    const picture = pairPicture(pair.held, pair.training);
    const alternative = `${pair.held.item.id} beside ${pair.training.item.id}`;
    return figure(
      lettered(picture, alternative),
      html`${name(pair.held.item.id)} and ${name(pair.training.item.id)}: ${pair.words}`,
    );
  })}</div>`;
}

/** Two pictures side by side, each in its own grey scale: intensities may differ by a factor. */
export function pairPicture(
  held: Seen,
  training: Seen,
): { readonly png: Uint8Array; readonly width: number; readonly height: number } {
  return montage({ rows: [[panelOf(held), panelOf(training)]], panelPixels: 160 });
}

function panelOf({ item, description }: Seen): MontagePanel {
  const { data, width, height } = description!.thumbnail;
  // A picture's first row is its top; in the canonical frame of a scan the front is up in the last row.
  const turned = !isPicture(item.path ?? "");
  const sorted = data.slice().sort();
  const side = Math.max(width, height);
  const [x0, y0] = [(side - width) >> 1, (side - height) >> 1];
  const low = sorted[Math.floor(0.005 * (sorted.length - 1))]!;
  const square = new Float32Array(side * side).fill(low);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) square[(y + y0) * side + x + x0] = data[y * width + x]!;
  const high = sorted[Math.floor(0.995 * (sorted.length - 1))]!;
  return {
    data: square,
    width: side,
    height: side,
    window: [low, high > low ? high : low + 1],
    colors: "grey",
    turned,
  };
}
