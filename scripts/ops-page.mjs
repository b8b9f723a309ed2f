// The page docs/ops.md as text: written by `npm run docs`, compared in test/ops/page.test.ts.

/**
 * @param table ops by name, `targets` and `supportOf` of src/lower, `sources` the text of every file of src/ops
 */
export function opsPage({ table, targets, supportOf, sources }) {
  const promises = promisesOf(sources);
  const ops = [...table.values()];
  const missing = ops.filter(({ name }) => !promises.has(name));
  if (missing.length > 0) throw new Error(`no docstring for ${missing.map(({ name }) => name).join(", ")}`);
  const notes = [];
  const row = ({ name, grad, expand }) => [
    `\`${name}\``,
    promises.get(name),
    grad ? "yes" : expand ? "of its parts" : "none",
    ...targets.map((target) => cell(name, target, supportOf, notes)),
  ];
  const others = [...promises.keys()].filter((name) => !table.has(name) && !helpers.has(name)).sort();
  return `${[
    "<!-- Written by npm run docs from src/ops and src/lower: do not edit. -->",
    "# Ops",
    "What graphs are made of: shapes are `[N, C, …S]`, batch, channels and spatial axes, where nothing else is said. A gradient is made of ops of the same table, so that it has gradients too.",
    'Under each target: "yes", it has a spelling or a rewrite of its own; "parts", it runs the simpler ops that the op is made of; "no", with the reason below. What a target lacks is an error that names the op, the line that built it and the way around, before any work starts.',
    rows([["op", "what it gives", "gradient", ...targets.map(({ name }) => name)], ...ops.map(row)]),
    ...(notes.length === 0 ? [] : [notes.map((note, i) => `${i + 1}. ${note}`).join("\n")]),
    "## Functions made of them",
    rows([["function", "what it gives"], ...others.map((name) => [`\`${name}\``, promises.get(name)])]),
  ].join("\n\n")}\n`;
}

/** Exported for the other files of the room, not for models. */
const helpers = new Set(
  "isFloat requireFloats requireNumbers requireIndices requireBool requireOneDtype requireOneShape requireShape requireAxes requireSpatial commonShape countOver sumTo convShape convGeometry asValue mixing table".split(
    " ",
  ),
);

function cell(op, target, supportOf, notes) {
  const support = supportOf(op, target);
  const gaps = (target.gaps ?? []).filter((gap) => gap.op === op);
  const word = support === "missing" ? "no" : support === "parts" ? "parts" : "yes";
  const marks = gaps.map(({ uses, why, instead }) => {
    const note = `\`${op}\` on ${target.name}${uses === undefined ? "" : `, ${uses}`}: ${why}. ${instead}.`;
    if (!notes.includes(note)) notes.push(note);
    return notes.indexOf(note) + 1;
  });
  return marks.length === 0 ? word : `${word} (${marks.join(", ")})`;
}

/** The first sentence of the docstring of every exported name; of an op's function, or else of its record. */
function promisesOf(sources) {
  const found = new Map();
  const pattern = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export (?:const|function) (\w+)/g;
  for (const text of sources)
    for (const [, comment, name] of text.matchAll(pattern)) {
      const promise = firstSentence(comment);
      const op = /^(\w+)Op$/.exec(name)?.[1];
      if (op === undefined && !/^See `/.test(promise)) found.set(name, promise);
      else if (op !== undefined && !found.has(op)) found.set(op, promise);
    }
  return found;
}

function firstSentence(comment) {
  const lines = comment.split("\n").map((line) => line.replace(/^\s*\*? ?/, "").trim());
  const words = lines.join("\n").trim().split("\n\n")[0].replace(/\s+/g, " ").trim();
  const end = /^(.*?[^.\d][.:;])(?: (?=[A-Z])|$)/.exec(words)?.[1] ?? words;
  return end
    .replace(/:? see `\w+`/, "")
    .replace(/[.:;]$/, "")
    .replaceAll("|", "\\|");
}

function rows([head, ...body]) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}
