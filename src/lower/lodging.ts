import type { NamedExtents, OnnxModel, OnnxNode } from "../graph/onnx/model.js";
import type { Lowered } from "./lowered.js";
import { planMemory } from "./plan.js";

/** Inputs that give a result its shape, by operator: which. */
const shapeInputs: Readonly<Record<string, readonly number[]>> = {
  Reshape: [1],
  Expand: [1],
  ConstantOfShape: [0],
  Range: [0, 1, 2],
};

/**
 * Keep ONNX Runtime from letting buffers lie idle. Its planner gives a buffer that falls free to the next result of
 * the same shape, however late that comes: what going forward needs in passing is then kept until the
 * gradient of the same layer, 250 of 930 MB of a 3-D U-Net of 64³. Without known shapes it would hand every buffer
 * back at once, and could no more write a result over its input. So shapes are told by names: the extents of all
 * values that live in one buffer have equal names, all others different ones. Constants from which a shape could be
 * worked out go through an `Identity`, which nobody looks through.
 */
export function withLodging({ model, origins }: Pick<Lowered, "model" | "origins">): OnnxModel {
  const hidden = hideShapes(model);
  const { homes, types, guessed } = planMemory({ model, origins }, false);
  const extents = new Map<string, NamedExtents>();
  for (const [value, home] of homes) {
    if (guessed.has(value)) continue;
    const { dtype, shape } = types.get(value)!;
    // Extents of one name must be equal: the extent is part of the name.
    extents.set(value, { dtype, names: shape.map((extent) => `${home}_${extent}`) });
  }
  return { ...hidden, extents };
}

function hideShapes(model: OnnxModel): OnnxModel {
  const copies = new Map<string, OnnxNode>();
  const hide = (name: string): string => {
    if (!(name in model.initializers)) return name;
    const copy = copies.get(name) ?? {
      type: "Identity",
      name: `shape_${name}`,
      inputs: [name],
      outputs: [`shape ${name}`],
      attributes: {},
    };
    copies.set(name, copy);
    return copy.outputs[0]!;
  };
  const nodes = model.nodes.map((node) => {
    const at = shapeInputs[node.type];
    if (at === undefined) return node;
    return { ...node, inputs: node.inputs.map((name, input) => (at.includes(input) ? hide(name) : name)) };
  });
  return { ...model, nodes: [...copies.values(), ...nodes] };
}
