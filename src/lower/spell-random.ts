import { type Shape, sizeOf } from "../core/tensor.js";
import { mixing } from "../ops/random.js";
import type { Emitter, Spelling } from "./target.js";

/** TensorProto.DataType; graphs of ours know no uint32. */
const [float32, int32, uint32] = [1, 6, 12];

const words = (values: readonly number[], shape: Shape, e: Emitter): string =>
  e.tensor({ dtype: "int32", shape, data: Int32Array.from(values) });

/**
 * Integer operators that the CPU provider has, natively and as WebAssembly (WebGPU's leaves BitShift and BitwiseXor to
 * it): sums and products of int32 wrap around, shifts are of uint32. 14 ns a number on one thread, 26 nodes a draw.
 */
const randomUniform: Spelling = (node, [key], e) => {
  const { shape, stream } = node.attributes as { shape: Shape; stream: readonly number[] };
  const cast = (x: string, to: number): string => e.emit("Cast", [x], { to });
  const shifted = (x: string, by: number): string =>
    e.emit("BitShift", [cast(x, uint32), cast(words([by], [1], e), uint32)], { direction: "RIGHT" });
  const mix = (x: string): string => {
    const [s0, s1, s2] = mixing.shifts;
    const step = (y: string, shift: number): string =>
      e.emit("BitwiseXor", [y, cast(shifted(y, shift), int32)]);
    const times = (y: string, factor: number): string => e.emit("Mul", [y, words([factor], [], e)]);
    return step(times(step(times(step(x, s0), mixing.factors[0]), s1), mixing.factors[1]), s2);
  };
  const keys = e.emit("BitwiseXor", [key!, words(stream, [2], e)]);
  const half = (which: number): string => e.emit("Gather", [keys, words([which], [1], e)], { axis: 0 });
  const places = e.emit("Range", [words([0], [], e), words([sizeOf(shape)], [], e), words([1], [], e)]);
  const bits = mix(e.emit("BitwiseXor", [mix(e.emit("BitwiseXor", [places, half(0)])), half(1)]));
  const scale = e.tensor({ dtype: "float32", shape: [], data: new Float32Array([2 ** -24]) });
  const uniform = e.emit("Mul", [cast(shifted(bits, 8), float32), scale]);
  return e.emit("Reshape", [uniform, e.ints(shape)]);
};

export const randomSpellings: Readonly<Record<string, Spelling>> = { randomUniform };
