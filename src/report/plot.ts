import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom/worker";
import { escapeHtml } from "./html.js";

/** A drawing as an SVG string, and what its colours mean (set as text beside it, not inside). */
export interface Chart {
  readonly svg: string;
  readonly legend: readonly { readonly name: string; readonly color: string }[];
}

const { document } = parseHTML("<!doctype html><html><body></body></html>");

/**
 * Draw with Observable Plot on a document in memory, in Node and in the browser alike, so that on one platform
 * the same data give the same bytes. (In a browser whose screen has one pixel a unit, Plot moves marks by half a
 * unit to keep lines sharp: those bytes differ from Node's.) `description` is read out in the drawing's place. The style sheet that Plot adds is taken
 * out: the page has its own.
 *
 * The document in memory escapes text but leaves `<` and `&` in attributes as they are, so no text from outside
 * may reach it as an attribute: the description is set here, escaped, and marks get no titles.
 */
export function draw(description: string, options: Plot.PlotOptions): string {
  const drawn = Plot.plot({ style: { fontSize: "12px" }, ...options, document });
  return drawn.outerHTML
    .replace(/<style>[\s\S]*?<\/style>/, "")
    .replace(/ xmlns(:\w+)?="[^"]*"/g, "")
    .replace(/^<svg /, () => `<svg role="img" aria-label="${escapeHtml(description)}" `);
}

/** Width in pixels that a name takes as an axis label, within reason; longer ones are cut with an ellipsis. */
export function labelWidth(names: readonly string[]): number {
  return Math.min(210, Math.max(40, ...names.map((name) => 16 + 7.4 * name.length)));
}
