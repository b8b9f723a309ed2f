import type { Node } from "../graph/node.js";
import type { OnnxModel } from "../graph/onnx/model.js";

/** A program as an ONNX model, with what is needed to speak about it. */
export interface Lowered {
  readonly model: OnnxModel;
  /** The graph node behind every ONNX node, by the ONNX node's name. */
  readonly origins: ReadonlyMap<string, Node>;
  /** Bytes of every intermediate result, by name: what a graph node's own output takes, for each step of its spelling. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Run the nodes as they are listed: fusions of the engine have nothing to gain, and break the order of `scheduled`. */
  readonly asListed: boolean;
}
