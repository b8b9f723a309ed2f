import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { GyrusError } from "../../core/errors.js";
import { bytesOf, type DType, type Tensor, zerosTensor } from "../../core/tensor.js";
import type { TensorType } from "../node.js";
import { messageType } from "./schema.js";

/** Integers and lists of them are plain numbers; a float says so, because ONNX tells 1 from 1.0. */
export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Tensor };

export interface OnnxNode {
  readonly type: string;
  /** Empty for the standard operators. */
  readonly domain?: string;
  /** Unique; a runtime's error message carries it, and through it the line that built the node. */
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface NamedExtents {
  readonly dtype: DType;
  readonly names: readonly string[];
}

/** An ONNX model as plain data, before it is bytes. */
export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: Readonly<Record<string, TensorType>>;
  readonly outputs: Readonly<Record<string, TensorType>>;
  readonly initializers: Readonly<Record<string, Tensor>>;
  /** Version of each operator domain; "" is the standard one. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * Names for the extents of intermediate values, in place of the numbers; the inputs' extents are then left open. An
   * engine takes extents of one name for equal and knows nothing of the others: see `lower/lodging`.
   */
  readonly extents?: ReadonlyMap<string, NamedExtents>;
}

/** TensorProto.DataType. */
export const dtypeCodes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
};

/** AttributeProto.AttributeType. */
const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7 } as const;

const text = new TextEncoder();
const big = (values: readonly number[]): bigint[] => values.map((value) => BigInt(value));

function attributeProto(name: string, value: OnnxAttribute): Record<string, unknown> {
  if (typeof value === "number") return { name, i: BigInt(value), type: attributeTypes.int };
  if (typeof value === "string") return { name, s: text.encode(value), type: attributeTypes.string };
  if ("float" in value) return { name, f: value.float, type: attributeTypes.float };
  if ("floats" in value) return { name, floats: [...value.floats], type: attributeTypes.floats };
  if ("tensor" in value) return { name, t: tensorProto("", value.tensor), type: attributeTypes.tensor };
  return { name, ints: big(value), type: attributeTypes.ints };
}

function tensorProto(name: string, { dtype, shape, data }: Tensor): object {
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return create(messageType("TensorProto"), { name, dims: big(shape), dataType: dtypeCodes[dtype], rawData });
}

function valueInfo([name, { dtype, shape }]: [string, TensorType]): object {
  const dim = shape.map((extent) => ({ dimValue: BigInt(extent) }));
  return { name, type: { tensorType: { elemType: dtypeCodes[dtype], shape: { dim } } } };
}

function openInfo(name: string, dtype: DType, dim: readonly object[]): object {
  return { name, type: { tensorType: { elemType: dtypeCodes[dtype], shape: { dim: [...dim] } } } };
}

/** The bytes of an `.onnx` file: IR version 10, weights inline. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const { extents } = model;
  const proto = create(messageType("ModelProto"), {
    irVersion: 10n,
    producerName: "gyrus",
    opsetImport: Object.entries(model.opsets).map(([domain, version]) => ({
      domain,
      version: BigInt(version),
    })),
    metadataProps: Object.entries(model.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: "gyrus",
      node: model.nodes.map(({ type, domain, name, inputs, outputs, attributes }) => ({
        opType: type,
        name,
        input: [...inputs],
        output: [...outputs],
        attribute: Object.entries(attributes).map(([key, value]) => attributeProto(key, value)),
        ...(domain === undefined ? {} : { domain }),
      })),
      initializer: Object.entries(model.initializers).map(([name, value]) => tensorProto(name, value)),
      input: Object.entries(model.inputs).map(([name, type]) =>
        extents === undefined
          ? valueInfo([name, type])
          : openInfo(
              name,
              type.dtype,
              type.shape.map(() => ({})),
            ),
      ),
      valueInfo: [...(extents ?? [])].map(([name, { dtype, names }]) =>
        openInfo(
          name,
          dtype,
          names.map((dimParam) => ({ dimParam })),
        ),
      ),
      output: Object.entries(model.outputs).map(valueInfo),
    },
  });
  return toBinary(messageType("ModelProto"), proto);
}

/** What an `.onnx` file carries beside its graph. */
export interface ReadModel {
  readonly metadata: Readonly<Record<string, string>>;
  /** Constants of the graph by name; those that `lower` baked in have the names that the program gave them. */
  readonly initializers: Readonly<Record<string, Tensor>>;
}

/** The `metadata_props` of an `.onnx` file. Throws `bad-file` when the bytes are no ONNX model. */
export function readMetadata(bytes: Uint8Array, name = "the model"): Record<string, string> {
  return Object.fromEntries(decode(bytes, name).metadataProps.map(({ key, value }) => [key, value]));
}

/**
 * Metadata and constants of an `.onnx` file as `encodeModel` writes it; constants whose bytes are elsewhere, or of types
 * that Gyrus has not, are left out. Throws `bad-file` when the bytes are no ONNX model.
 */
export function readModel(bytes: Uint8Array, name = "the model"): ReadModel {
  const { metadataProps, graph } = decode(bytes, name);
  const initializers: Record<string, Tensor> = {};
  for (const { name: key, dims, dataType, rawData } of graph.initializer) {
    const dtype = (Object.keys(dtypeCodes) as DType[]).find((one) => dtypeCodes[one] === dataType);
    const shape = dims.map(Number);
    if (dtype === undefined || rawData.length !== bytesOf({ dtype, shape })) continue;
    const value = zerosTensor(dtype, shape);
    new Uint8Array(value.data.buffer).set(rawData);
    initializers[key] = value;
  }
  return { metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])), initializers };
}

interface DecodedModel {
  readonly metadataProps: readonly { readonly key: string; readonly value: string }[];
  readonly graph: {
    readonly initializer: readonly {
      readonly name: string;
      readonly dims: readonly bigint[];
      readonly dataType: number;
      readonly rawData: Uint8Array<ArrayBuffer>;
    }[];
  };
}

function decode(bytes: Uint8Array, name: string): DecodedModel {
  try {
    const proto = fromBinary(messageType("ModelProto"), bytes) as unknown as Partial<DecodedModel>;
    if (proto.graph === undefined) throw new Error("it holds no graph");
    return proto as DecodedModel;
  } catch (cause) {
    throw new GyrusError("bad-file", {
      what: "these bytes are no ONNX model",
      where: name,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "Export the model again with gyrus export",
      cause,
    });
  }
}
