import { GyrusError } from "../core/errors.js";
import { type Node, onBehalfOf, siteOf } from "../graph/node.js";
import { nodesOf, type Program } from "../graph/program.js";
import { table } from "../ops/table.js";
import type { Gap, Target } from "./target.js";

/** How a target runs an op: spelled in its own operators, rewritten or taken apart into other ops, or not at all. */
export type Support = "spelled" | "rewritten" | "parts" | "missing";

/** See `Support`; uses of an op that are gaps all the same are not looked at. */
export function supportOf(op: string, target: Target): Support {
  if (op === "input") return "spelled";
  if (target.gaps?.some((gap) => gap.op === op && gap.when === undefined)) return "missing";
  if (op in target.rewrites && !(op in target.spellings)) return "rewritten";
  if (op in target.spellings) return "spelled";
  return table.get(op)?.expand === undefined ? "missing" : "parts";
}

interface Lack {
  readonly node: Node;
  readonly gap?: Gap;
}

/**
 * Every node of a program can be run by a target, as far as its spellings and gaps tell; nothing is lowered yet.
 * Throws `unsupported` naming the ops, the lines that built them, the target, and what to do instead.
 */
export function requireSupport(program: Program, target: Target): void {
  const lacks = lacksOf(nodesOf(Object.values(program.outputs)), target);
  if (lacks.length > 0) throw lackError(lacks, target);
}

function lacksOf(nodes: readonly Node[], target: Target): Lack[] {
  return nodes.flatMap((node): Lack[] => {
    const gap = target.gaps?.find(({ op, when }) => op === node.op && (when === undefined || when(node)));
    if (gap !== undefined) return [{ node, gap }];
    const support = supportOf(node.op, target);
    if (support === "missing") return [{ node }];
    if (support !== "parts") return [];
    const parts = onBehalfOf(node, () => table.get(node.op)!.expand!(node.inputs, node.attributes));
    return lacksOf(
      nodesOf(parts).filter(({ id }) => id > node.id),
      target,
    );
  });
}

/** One error for all that is missing, each op once, by the first line that asked for it. */
export function lackError(lacks: readonly Lack[], target: Target): GyrusError {
  const first = [...new Map([...lacks].reverse().map((lack) => [lack.node.op, lack])).values()].reverse();
  const reasons = first.map(({ node, gap }) => {
    const where = first.length === 1 ? "" : ` (${siteOf(node)})`;
    return `${node.op}${where}: ${gap === undefined ? "no spelling" : gap.why}`;
  });
  const ways = [...new Set(first.flatMap(({ gap }) => (gap === undefined ? [] : [gap.instead])))];
  const names = first.map(({ node }) => `"${node.op}"`).join(", ");
  return new GyrusError("unsupported", {
    what: `the target "${target.name}" cannot run the op${first.length === 1 ? "" : "s"} ${names}`,
    where: siteOf(first[0]!.node),
    found: reasons.join("; "),
    fix: ways.length > 0 ? ways.join(". ") : 'Run it on the target "cpu" or build the model from other ops',
  });
}
