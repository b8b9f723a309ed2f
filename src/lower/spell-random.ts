import { type Shape, sizeOf } from "../core/tensor.js";
import { mixing } from "../ops/random.js";
import type { Spelling } from "./target.js";

/** TensorProto.DataType. */
const float32 = 1;

/**
 * int32 sums, products and quotients, for which all providers have kernels. Sums and products wrap around on all of
 * them. 11 ns a number on one thread; with shifts and exclusive or, which WebGPU lacks, 14.
 */
const randomUniform: Spelling = (node, [key], e) => {
  const { shape, stream } = node.attributes as { shape: Shape; stream: readonly number[] };
  const words = (values: readonly number[], dims: Shape = []): string =>
    e.tensor({ dtype: "int32", shape: dims, data: Int32Array.from(values) });
  const [add, mul, div] = ["Add", "Mul", "Div"].map(
    (type) => (a: string, b: string) => e.emit(type, [a, b]),
  ) as [Join, Join, Join];
  const keys = add(key!, words(stream, [2]));
  const half = (which: number): string => e.emit("Gather", [keys, words([which], [1])], { axis: 0 });
  const swap = words([65536]);
  const places = e.emit("Range", [words([0]), words([sizeOf(shape)]), words([1])]);
  let x = add(mul(places, words([mixing.spread])), half(0));
  for (let round = 0; round < mixing.rounds; round++) {
    if (round === 1) x = add(x, half(1));
    x = mul(x, add(add(x, x), words([1])));
    x = add(mul(x, swap), div(x, swap));
  }
  const whole = e.emit("Cast", [add(div(x, words([256])), words([2 ** 23]))], { to: float32 });
  const scale = e.tensor({ dtype: "float32", shape: [], data: new Float32Array([2 ** -24]) });
  return e.emit("Reshape", [e.emit("Mul", [whole, scale]), e.ints(shape)]);
};

type Join = (a: string, b: string) => string;

export const randomSpellings: Readonly<Record<string, Spelling>> = { randomUniform };
