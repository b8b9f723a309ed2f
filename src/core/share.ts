type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array;

/**
 * Plain data with its typed arrays copied into memory that threads share: handed to a thread, they are not copied once
 * more. An array that occurs twice stays one; arrays that are shared already are kept.
 */
export function shareArrays<T>(value: T): T {
  const copies = new Map<Numbers, Numbers>();
  const copyOf = (array: Numbers): Numbers => {
    if (array.buffer instanceof SharedArrayBuffer) return array;
    const known = copies.get(array);
    if (known !== undefined) return known;
    const Type = array.constructor as new (buffer: SharedArrayBuffer) => Numbers;
    const copy = new Type(new SharedArrayBuffer(array.byteLength));
    copy.set(array);
    copies.set(array, copy);
    return copy;
  };
  const walk = (one: unknown): unknown => {
    if (ArrayBuffer.isView(one)) return copyOf(one as Numbers);
    if (Array.isArray(one)) return one.map(walk);
    if (typeof one !== "object" || one === null) return one;
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(value) as T;
}
