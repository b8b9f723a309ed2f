import { createFileRegistry, type DescMessage, fromJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** A message's fields: name → [field number, type, repeated]. Numbers as in ONNX's `onnx.proto` (IR version 10). */
type Fields = Readonly<Record<string, readonly [number, string, "repeated"?]>>;

const messages: Readonly<Record<string, Fields>> = {
  ModelProto: {
    ir_version: [1, "int64"],
    producer_name: [2, "string"],
    producer_version: [3, "string"],
    domain: [4, "string"],
    model_version: [5, "int64"],
    doc_string: [6, "string"],
    graph: [7, "GraphProto"],
    opset_import: [8, "OperatorSetIdProto", "repeated"],
    metadata_props: [14, "StringStringEntryProto", "repeated"],
  },
  OperatorSetIdProto: { domain: [1, "string"], version: [2, "int64"] },
  StringStringEntryProto: { key: [1, "string"], value: [2, "string"] },
  GraphProto: {
    node: [1, "NodeProto", "repeated"],
    name: [2, "string"],
    initializer: [5, "TensorProto", "repeated"],
    doc_string: [10, "string"],
    input: [11, "ValueInfoProto", "repeated"],
    output: [12, "ValueInfoProto", "repeated"],
    value_info: [13, "ValueInfoProto", "repeated"],
  },
  NodeProto: {
    input: [1, "string", "repeated"],
    output: [2, "string", "repeated"],
    name: [3, "string"],
    op_type: [4, "string"],
    attribute: [5, "AttributeProto", "repeated"],
    doc_string: [6, "string"],
    domain: [7, "string"],
  },
  AttributeProto: {
    name: [1, "string"],
    f: [2, "float"],
    i: [3, "int64"],
    s: [4, "bytes"],
    t: [5, "TensorProto"],
    floats: [7, "float", "repeated"],
    ints: [8, "int64", "repeated"],
    strings: [9, "bytes", "repeated"],
    type: [20, "int32"],
  },
  TensorProto: {
    dims: [1, "int64", "repeated"],
    data_type: [2, "int32"],
    name: [8, "string"],
    raw_data: [9, "bytes"],
  },
  ValueInfoProto: { name: [1, "string"], type: [2, "TypeProto"], doc_string: [3, "string"] },
  TypeProto: { tensor_type: [1, "TensorTypeProto"] },
  TensorTypeProto: { elem_type: [1, "int32"], shape: [2, "TensorShapeProto"] },
  TensorShapeProto: { dim: [1, "DimensionProto", "repeated"] },
  DimensionProto: { dim_value: [1, "int64"], dim_param: [2, "string"] },
};

const file = {
  name: "onnx.proto",
  package: "onnx",
  syntax: "proto2",
  messageType: Object.entries(messages).map(([name, fields]) => ({
    name,
    field: Object.entries(fields).map(([field, [number, type, repeated]]) => ({
      name: field,
      number,
      label: repeated ? "LABEL_REPEATED" : "LABEL_OPTIONAL",
      ...(type in messages
        ? { type: "TYPE_MESSAGE", typeName: `.onnx.${type}` }
        : { type: `TYPE_${type.toUpperCase()}` }),
    })),
  })),
};

const registry = createFileRegistry(fromJson(FileDescriptorSetSchema, { file: [file] }));

/** The protobuf descriptor of an ONNX message, for `create`, `toBinary` and `fromBinary`. */
export function messageType(name: string): DescMessage {
  return registry.getMessage(`onnx.${name}`)!;
}
