/** What the kernels use of WebAssembly's instructions (W3C core specification 2, with 128-bit vectors). */
const codes = {
  block: 0x02,
  loop: 0x03,
  end: 0x0b,
  br_if: 0x0d,
  br: 0x0c,
  "local.get": 0x20,
  "local.set": 0x21,
  "local.tee": 0x22,
  "i32.load": 0x28,
  "f32.load": 0x2a,
  "f32.store": 0x38,
  "i32.const": 0x41,
  "f32.const": 0x43,
  "i32.eqz": 0x45,
  "i32.ge_u": 0x4f,
  "i32.add": 0x6a,
  "i32.sub": 0x6b,
  "i32.mul": 0x6c,
  "i32.and": 0x71,
  "i32.shl": 0x74,
  "i32.shr_s": 0x75,
  "f32.add": 0x92,
  "f32.mul": 0x94,
  "f32.convert_i32_s": 0xb2,
} as const;

/** Instructions behind the prefix 0xfd. */
const vectorCodes = {
  "v128.load": 0,
  "v128.store": 11,
  "f32x4.splat": 19,
  "f32x4.extract_lane": 31,
  "f32x4.add": 228,
  "f32x4.sub": 229,
  "f32x4.mul": 230,
} as const;

type Instruction = keyof typeof codes | keyof typeof vectorCodes;
/** An instruction and its operands: numbers of locals, constants, offsets in bytes. */
export type Line = readonly [Instruction, number?];

/** A function of i32 parameters without a result; locals follow the parameters, first i32, then f32, then v128. */
export interface Kernel {
  readonly parameters: number;
  readonly i32: number;
  readonly f32: number;
  readonly v128: number;
  readonly body: readonly Line[];
}

const unsigned = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
};

const signed = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 127;
    rest >>= 7;
    const last = (rest === 0 && (low & 64) === 0) || (rest === -1 && (low & 64) !== 0);
    bytes.push(low | (last ? 0 : 128));
    if (last) return bytes;
  }
};

const list = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
];
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, bytes: readonly number[]): number[] => [id, ...sized(bytes)];
const text = (name: string): number[] => sized([...new TextEncoder().encode(name)]);

function encode([name, operand = 0]: Line): number[] {
  if (name in vectorCodes) {
    const code = [0xfd, ...unsigned(vectorCodes[name as keyof typeof vectorCodes])];
    if (name === "v128.load" || name === "v128.store") return [...code, 2, ...unsigned(operand)];
    return name === "f32x4.extract_lane" ? [...code, operand] : code;
  }
  const code = codes[name as keyof typeof codes];
  switch (name) {
    case "block":
    case "loop":
      return [code, 0x40];
    case "br":
    case "br_if":
    case "local.get":
    case "local.set":
    case "local.tee":
      return [code, ...unsigned(operand)];
    case "i32.const":
      return [code, ...signed(operand)];
    case "f32.const":
      return [code, ...new Uint8Array(Float32Array.of(operand).buffer)];
    case "i32.load":
    case "f32.load":
    case "f32.store":
      return [code, 2, ...unsigned(operand)];
    default:
      return [code];
  }
}

/** The bytes of a module that imports the memory `env.memory` and exports the kernels by name. */
export function assemble(kernels: Readonly<Record<string, Kernel>>): Uint8Array<ArrayBuffer> {
  const all = Object.entries(kernels);
  const types = all.map(([, { parameters }]) => [
    0x60,
    ...unsigned(parameters),
    ...Array(parameters).fill(0x7f),
    0,
  ]);
  const bodies = all.map(([, { i32, f32, v128, body }]) => {
    const locals = list([
      [...unsigned(i32), 0x7f],
      [...unsigned(f32), 0x7d],
      [...unsigned(v128), 0x7b],
    ]);
    return sized([...locals, ...body.flatMap(encode), codes.end]);
  });
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...section(2, list([[...text("env"), ...text("memory"), 2, 0, 1]])),
    ...section(3, list(all.map((_, n) => unsigned(n)))),
    ...section(7, list(all.map(([name], n) => [...text(name), 0, ...unsigned(n)]))),
    ...section(10, list(bodies)),
  ]);
}
