/** The one style sheet of the report: a paper's page, light or dark as the reader prefers, light in print. */
export const style = `
:root { color-scheme: light dark; --ink: #1b1d21; --quiet: #5c626b; --rule: #d9dce1; --paper: #fdfdfc;
  --tint: #f3f4f2; --warn: #9a4a00; --warn-tint: #fdf3e4;
  --serif: Charter, "Bitstream Charter", "Sitka Text", Cambria, "Liberation Serif", serif;
  --sans: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e3; --quiet: #a2a8b0; --rule: #363a41;
  --paper: #17191c; --tint: #202327; --warn: #f0b35e; --warn-tint: #2c2417; } }
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); font: 17px/1.55 var(--serif); -webkit-text-size-adjust: 100%; }
body { max-width: 62rem; margin: 0 auto; padding: 2.8rem 1.5rem 4rem; counter-reset: figure table; }
p { max-width: 44rem; margin: .6rem 0; }
h1 { font-size: 2.05rem; line-height: 1.15; font-weight: 600; margin: .2rem 0 .5rem; letter-spacing: -.01em; text-wrap: balance; }
h2 { font-size: 1.3rem; font-weight: 600; margin: 0 0 .8rem; }
section { margin-top: 3rem; padding-top: 1.4rem; border-top: 1px solid var(--rule); }
a { color: inherit; text-decoration-color: var(--quiet); text-underline-offset: .2em; }
.over { font: 600 .78rem/1.4 var(--sans); letter-spacing: .04em; color: var(--quiet); margin: 0; }
.provenance { color: var(--quiet); font-style: italic; margin: 0 0 1.4rem; }
nav { font: .82rem/1.5 var(--sans); margin-top: 1.6rem; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
nav a { color: var(--quiet); }
.headline { display: flex; flex-wrap: wrap; gap: 1rem 3rem; margin: 1.4rem 0 .6rem; padding: 0; }
.headline div { min-width: 8rem; }
.headline dt { font: .85rem/1.3 var(--sans); color: var(--quiet); }
.headline dd { margin: 0; font: 600 2.5rem/1.15 var(--sans); font-variant-numeric: tabular-nums; letter-spacing: -.02em; }
.headline dd small { display: block; font-size: .85rem; font-weight: 400; letter-spacing: 0; color: var(--quiet); }
.warnings { background: var(--warn-tint); border-left: 3px solid var(--warn); padding: .7rem 1rem; margin: 1.4rem 0; font: .9rem/1.5 var(--sans); }
.warnings strong { color: var(--warn); }
.warnings ul { margin: .3rem 0 0; padding-left: 1.1rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1.6rem 2rem; align-items: start; }
figure { margin: 1rem 0 1.6rem; }
figure svg { display: block; max-width: 100%; height: auto; overflow: visible; }
figure svg text { white-space: pre; }
figcaption, caption { font: .85rem/1.45 var(--sans); color: var(--quiet); text-align: left; max-width: 52rem; }
figcaption { margin-top: .6rem; }
figcaption::before { counter-increment: figure; content: "Figure " counter(figure) ". "; font-weight: 600; color: var(--ink); }
caption::before { counter-increment: table; content: "Table " counter(table) ". "; font-weight: 600; color: var(--ink); }
.legend { font: .82rem/1.4 var(--sans); display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; margin: 0 0 .4rem; }
.swatch { display: inline-block; width: .75em; height: .75em; border-radius: 2px; margin-right: .4em; vertical-align: -.03em; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.picture { position: relative; max-width: 100%; background: #000; width: fit-content; }
.picture img { display: block; max-width: 100%; height: auto; }
.picture svg { position: absolute; inset: 0; width: 100%; height: 100%; max-width: none; }
.picture text { font: 600 13px var(--sans); fill: #fff; stroke: #000; stroke-width: 2.5px; paint-order: stroke; stroke-opacity: .75; }
.case h3 { font-size: 1.02rem; font-weight: 600; margin: 1.6rem 0 .4rem; }
.scroll { overflow-x: auto; margin: 1rem 0 1.6rem; }
table { border-collapse: collapse; font: .84rem/1.35 var(--sans); min-width: 24rem; }
caption { padding-bottom: .5rem; }
thead { border-top: 1.5px solid var(--ink); border-bottom: 1px solid var(--ink); }
tbody { border-bottom: 1.5px solid var(--ink); }
tfoot { border-bottom: 1.5px solid var(--ink); font-weight: 600; }
tfoot tr:nth-child(n+2) .number { font-weight: 400; font-size: .74rem; letter-spacing: -.01em; }
th { font-weight: 600; vertical-align: bottom; }
th, td { padding: .22rem .8rem .22rem 0; text-align: left; }
.groups th { text-align: right; padding: .22rem 0 0 1.6rem; }
.groups th span { display: block; text-align: center; border-bottom: 1px solid var(--rule); }
td { vertical-align: top; overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding: .22rem 0 .22rem .9rem; }
thead .number { white-space: normal; }
.number.opens { padding-left: 1.6rem; }
td.text:first-child { min-width: 10rem; }
td small { font-weight: 400; color: var(--quiet); }
code, .key { font: .82rem/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
details { margin: .5rem 0; }
summary { cursor: pointer; font: .9rem/1.6 var(--sans); }
.names { font: .82rem/1.5 var(--sans); columns: 11rem; margin: .4rem 0 1rem; padding: 0; list-style: none; overflow-wrap: anywhere; }
.absent { color: var(--quiet); font-style: italic; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--rule); font: .82rem/1.5 var(--sans); color: var(--quiet); }
@media print {
  :root { --ink: #000; --quiet: #444; --rule: #bbb; --paper: #fff; --tint: #fff; --warn: #7a3a00; --warn-tint: #fff; }
  html { font-size: 10.5pt; } body { max-width: none; padding: 0; } nav { display: none; }
  figure, tr, .case { break-inside: avoid; } h2, h3 { break-after: avoid; } thead { display: table-header-group; }
  tfoot { display: table-row-group; } table { font-size: 7.5pt; } .charts { grid-template-columns: 1fr 1fr; }
  th, td, .number { padding-top: .1rem; padding-bottom: .1rem; } td.text:first-child { min-width: 6rem; }
}
`;
