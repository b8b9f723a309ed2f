import { bytesOf, sameShape, type Tensor } from "../core/tensor.js";
import { type Node, onBehalfOf, type Value } from "../graph/node.js";
import type { OnnxModel, OnnxNode } from "../graph/onnx/model.js";
import type { Program } from "../graph/program.js";
import { commonShape } from "../ops/reduce.js";
import { table } from "../ops/table.js";
import { withLodging } from "./lodging.js";
import type { Lowered } from "./lowered.js";
import { scheduled } from "./schedule.js";
import { resizeLinearByProducts } from "./spell-space.js";
import { lackError, requireSupport } from "./support.js";
import type { Emitter, Rewrite, Target } from "./target.js";

/** Ops whose ONNX spelling stretches its inputs by itself, so that a `broadcast` before them costs nothing. */
const stretching = new Set("add sub mul div maximum minimum greater greaterEqual equal where".split(" "));

/** Rewrites that pay on every target; a target may have its own. */
const commonRewrites: Readonly<Record<string, Rewrite>> = { resizeLinear: resizeLinearByProducts };

export type { Lowered } from "./lowered.js";

const key = (value: Value): string => `${value.node.id}.${value.output}`;

/**
 * Spell a program in ONNX for a target. Equal nodes are written once, unused ones not at all. Inputs named in
 * `baked` become constants of the model: weights of a network that is not trained any more.
 * Throws `unsupported` before anything is spelled when the target lacks ops: see `requireSupport`.
 */
export function lower(
  program: Program,
  target: Target,
  baked: Readonly<Record<string, Tensor>> = {},
): Lowered {
  requireSupport(program, target);
  const nodes: OnnxNode[] = [];
  const origins = new Map<string, Node>();
  const sizes = new Map<string, number>();
  const initializers: Record<string, Tensor> = { ...baked };
  const constants = new Set(Object.keys(baked));
  const written = new Map<string, string[]>();
  const names = new Map<string, string>();
  const ofProgram = new Set(program.nodes);
  /** The node of the program that is being spelled, and for every ONNX node the first one that asked for it. */
  let place = 0;
  let again = false;
  const places = new Map<string, number>();
  let count = 0;

  const emitterFor = (node: Node): Emitter => {
    const emitMany = (
      type: string,
      inputs: readonly string[],
      attributes: OnnxNode["attributes"],
      outputs: number,
      domain?: string,
    ): string[] => {
      const signature = JSON.stringify([type, domain, inputs, attributes, outputs, again ? place : 0]);
      const known = written.get(signature);
      if (known !== undefined) {
        places.set(known[0]!, Math.min(place, places.get(known[0]!)!));
        return known;
      }
      // Not the graph node's id, which counts all that was ever built: equal programs give equal bytes.
      const name = `${node.op}_${count}`;
      const made = Array.from({ length: outputs }, (_, i) => `%${count}.${i}`);
      count++;
      places.set(made[0]!, place);
      if (inputs.every((input) => input === "" || constants.has(input)))
        for (const name of made) constants.add(name);
      for (const [i, name] of made.entries()) sizes.set(name, bytesOf(node.outputs[i] ?? node.outputs[0]!));
      nodes.push({
        type,
        name,
        inputs,
        outputs: made,
        attributes,
        ...(domain === undefined ? {} : { domain }),
      });
      origins.set(name, node);
      written.set(signature, made);
      return made;
    };
    const tensor = (value: Tensor): string => {
      const small = value.data.length <= 4096;
      const signature = small ? `tensor ${value.dtype} ${value.shape} ${value.data}` : undefined;
      const known = signature && written.get(signature)?.[0];
      if (known) return known;
      const name = `#${Object.keys(initializers).length}`;
      initializers[name] = value;
      constants.add(name);
      if (signature) written.set(signature, [name]);
      return name;
    };
    return {
      emit: (type, inputs, attributes = {}, domain) => emitMany(type, inputs, attributes, 1, domain)[0]!,
      emitMany: (type, inputs, attributes, outputs) => emitMany(type, inputs, attributes, outputs),
      tensor,
      nameOf,
      isConstant: (name) => constants.has(name),
      ints: (values) =>
        tensor({
          dtype: "int64",
          shape: [values.length],
          data: BigInt64Array.from(values, (v) => BigInt(v)),
        }),
    };
  };

  /** The values that a stretching op reads: what lies before a `broadcast`, as long as the result keeps its shape. */
  const unstretched = (node: Node): readonly Value[] => {
    const before = node.inputs.map((input) =>
      input.node.op === "broadcast" ? input.node.inputs[0]! : input,
    );
    const reached = before.map((value) => value.shape).reduce((a, b) => commonShape(node.op, a, b));
    return sameShape(reached, node.outputs[0]!.shape) ? before : [node.inputs[0]!, ...before.slice(1)];
  };

  const visit = (node: Node): void => {
    const outer = { place, again };
    if (ofProgram.has(node)) [place, again] = [node.id, program.repeated?.has(node) ?? false];
    const rewrite = target.rewrites[node.op] ?? commonRewrites[node.op];
    const rewritten = onBehalfOf(node, () => rewrite?.(node)) ?? expansion(node, target);
    const inputs = stretching.has(node.op) ? unstretched(node) : node.inputs;
    const made = rewritten
      ? rewritten.map(nameOf)
      : [target.spellings[node.op]!(node, inputs.map(nameOf), emitterFor(node))].flat();
    for (const [output, name] of made.entries()) names.set(`${node.id}.${output}`, name);
    ({ place, again } = outer);
  };

  const nameOf = (value: Value): string => {
    if (!names.has(key(value))) visitAll(value.node);
    return names.get(key(value))!;
  };

  /** Depth first without recursion over inputs: graphs are deeper than the stack. */
  const visitAll = (root: Node): void => {
    const stack = [root];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      const waiting = node.inputs.filter((input) => !names.has(key(input)) && input.node.op !== "broadcast");
      const behind = node.inputs
        .filter((input) => input.node.op === "broadcast" && !names.has(key(input)))
        .flatMap((input) => (stretching.has(node.op) ? input.node.inputs : [input]))
        .filter((input) => !names.has(key(input)));
      const next = [...waiting, ...behind];
      if (next.length > 0) stack.push(...next.map((input) => input.node));
      else {
        stack.pop();
        if (!names.has(`${node.id}.0`)) visit(node);
      }
    }
  };

  for (const [name, value] of Object.entries(program.inputs)) names.set(key(value), name);
  const results: Record<string, string> = {};
  for (const [name, value] of Object.entries(program.outputs)) results[name] = nameOf(value);
  const model = finish(program, target, nodes, initializers, results);
  // Exported files are listed in an order in which they can run, as the standard demands.
  if (target.name === "portable") return { model, origins, sizes, asListed: false };
  const placeOf = ({ outputs }: OnnxNode): number => places.get(outputs[0]!) ?? Number.POSITIVE_INFINITY;
  const listed = withResultNames({ ...model, nodes: scheduled(model.nodes, placeOf) }, sizes);
  // With weights among the constants there is much to fold and to lay out anew.
  if (target.name !== "cpu" || Object.keys(baked).length > 0)
    return { model: listed, origins, sizes, asListed: false };
  return { model: withLodging({ model: listed, origins }), origins, sizes, asListed: true };
}

/** An op that the target cannot spell, in simpler ops. */
function expansion(node: Node, target: Target): readonly Value[] | undefined {
  if (node.op in target.spellings) return undefined;
  const op = table.get(node.op);
  if (op?.expand === undefined) throw lackError([{ node }], target);
  return onBehalfOf(node, () => op.expand!(node.inputs, node.attributes));
}

/** Give results their names, drop what nothing uses. */
function finish(
  program: Program,
  target: Target,
  nodes: readonly OnnxNode[],
  initializers: Readonly<Record<string, Tensor>>,
  results: Readonly<Record<string, string>>,
): OnnxModel {
  const all = [...nodes];
  for (const [name, from] of Object.entries(results))
    all.push({ type: "Identity", name: `result_${name}`, inputs: [from], outputs: [name], attributes: {} });
  const used = new Set<string>(Object.keys(results));
  const kept: OnnxNode[] = [];
  for (const node of all.reverse()) {
    if (!node.outputs.some((output) => used.has(output))) continue;
    for (const input of node.inputs) used.add(input);
    // Positions that nobody asks for: the kernels that find them take eleven times as long.
    const spare = node.type === "MaxPool" && !used.has(node.outputs[1]!);
    kept.push(spare ? { ...node, outputs: node.outputs.slice(0, 1) } : node);
  }
  return {
    nodes: kept.reverse(),
    inputs: Object.fromEntries(Object.entries(program.inputs).filter(([name]) => !(name in initializers))),
    outputs: program.outputs,
    initializers: Object.fromEntries(Object.entries(initializers).filter(([name]) => used.has(name))),
    opsets: target.opsets,
  };
}

/**
 * Let nodes write results under the results' own names, where an `Identity` would copy them: engines that run a graph
 * as it is listed do not remove it. Results that are inputs, constants or asked for twice keep theirs.
 */
function withResultNames(model: OnnxModel, sizes: Map<string, number>): OnnxModel {
  const made = new Set(model.nodes.flatMap(({ outputs }) => outputs));
  const renamed = new Map<string, string>();
  const copies = new Set<OnnxNode>();
  for (const node of model.nodes) {
    const [from, to] = [node.inputs[0]!, node.outputs[0]!];
    if (node.type !== "Identity" || !(to in model.outputs) || !made.has(from) || renamed.has(from)) continue;
    renamed.set(from, to);
    copies.add(node);
    sizes.set(to, sizes.get(from)!);
  }
  const rename = (name: string): string => renamed.get(name) ?? name;
  const nodes = model.nodes
    .filter((node) => !copies.has(node))
    .map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }));
  return { ...model, nodes };
}
