import type { ExampleCase } from "./data.js";
import type { FigurePanel } from "./figure.js";
import { figure, html, lettered, type Markup, name, swatch } from "./html.js";
import { decimal } from "./words.js";

const worldLetter = { sagittal: "x", coronal: "y", axial: "z" } as const;

/** The letters and the position of one panel, as SVG text over the bitmap. */
function lettering(panel: FigurePanel): Markup {
  const { letters, x, y, width, height } = panel;
  if (letters === undefined) return html``;
  const middle = (y + height / 2 + 5).toFixed(1);
  const centre = (x + width / 2).toFixed(1);
  return html`<text x="${x + 5}" y="${middle}">${letters.left}</text>
<text x="${x + width - 5}" y="${middle}" text-anchor="end">${letters.right}</text>
<text x="${centre}" y="${y + 15}" text-anchor="middle">${letters.top}</text>
<text x="${centre}" y="${y + height - 5}" text-anchor="middle">${letters.bottom}</text>
`;
}

/** Where the slices lie: `axial z = 13 mm, coronal y = −30 mm, …`; empty for pictures. */
function positions(panels: readonly FigurePanel[]): string {
  const places = panels.flatMap(({ plane, positionMm }) =>
    positionMm === undefined
      ? []
      : [`${plane} ${worldLetter[plane]}\u00a0=\u00a0${decimal(positionMm, 0)}\u00a0mm`],
  );
  return places.length === 0 ? "" : ` Slices: ${[...new Set(places)].join(", ")}.`;
}

/** A figure as HTML: the bitmap, with its letters laid over it as text. */
export function pictureHtml(picture: ExampleCase["figure"], alternative: string): Markup {
  return lettered(picture, alternative, html`${(picture.panels ?? []).map(lettering)}`);
}

const conventions = {
  radiological:
    "Radiological convention: the patient's right is on the left of the picture, as the letters say; sagittal panels face left.",
  neurological:
    "Neurological convention: the patient's left is on the left of the picture, as the letters say; sagittal panels face left.",
  "as-stored": "Shown as stored.",
} as const;

const rowWords = {
  image: "the image alone",
  truth: "the truth",
  prediction: "the prediction",
  overlay: "prediction (filled) and truth (outlined)",
} as const;

/** The cases in pictures, each with its legend. */
export function examplesSection(examples: readonly ExampleCase[]): Markup {
  if (examples.length === 0) return html`<p class="absent">No case has been drawn.</p>`;
  return html`${examples.map(({ rank, case: id, score, caption, figure: picture }) => {
    const { panels = [], legend = [], convention = "as-stored" } = picture;
    const rows = [...new Set(panels.map(({ row }) => row))];
    const shown = caption ?? rows.map((row) => rowWords[row]).join("; ");
    const capital = rank.charAt(0).toUpperCase() + rank.slice(1);
    return html`<div class="case"><h3>${capital}: ${name(id)}${score !== undefined && `, ${score}`}</h3>
<p class="legend">${legend.map((entry) => html`<span>${swatch(entry.color)}${name(entry.name)}</span> `)}</p>
${figure(
  pictureHtml(picture, `${capital} case ${id}: ${shown}`),
  caption ??
    `${rows.length > 1 ? "From top to bottom: " : "Shown: "}${shown}. ${conventions[convention]}${positions(panels)}`,
)}</div>\n`;
  })}`;
}
