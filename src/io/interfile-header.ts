import { fail } from "../core/errors.js";

/** How numbers are stored. */
export type NumberFormat = "float" | "signed integer" | "unsigned integer";

/** The keys of an Interfile header, and how to find the numbers it describes. */
export interface InterfileHeader {
  /** By key as in the standard: small letters, without the exclamation mark, single spaces, `[1]` set on directly. */
  readonly keys: ReadonlyMap<string, string>;
  readonly dataFile: string;
  readonly littleEndian: boolean;
  readonly format: NumberFormat;
  readonly bytesPerNumber: number;
  readonly offsetBytes: number;
  /** What stored numbers are multiplied by. */
  readonly scale: number;
}

/**
 * Parse an Interfile header (Interfile 3.3, Todd-Pokropek et al. 1992, with the keys that STIR adds). Throws `bad-file`
 * for a text that is none and `unsupported` for number formats and byte orders that are not read.
 */
export function parseInterfileHeader(text: string, name: string): InterfileHeader {
  const keys = new Map<string, string>();
  const lines = text.split(/\r\n|\n|\r/).map((line) => line.replace(/^\s*;.*$/, "").trim());
  const first = lines.find((line) => line !== "");
  if (first === undefined || !/^!?\s*interfile\s*:=/i.test(first))
    fail("bad-file", {
      what: "this is no Interfile header",
      where: name,
      expected: "!INTERFILE := in the first line",
      found: first === undefined ? "an empty text" : JSON.stringify(first.slice(0, 40)),
      fix: "Give the header (.hs), not the data (.s)",
    });
  for (const line of lines) {
    const cut = line.indexOf(":=");
    if (cut < 0) continue;
    const key = normalKey(line.slice(0, cut));
    if (key === "end of interfile") break;
    const value = line.slice(cut + 2).trim();
    if (value !== "") keys.set(key, value);
  }
  return { keys, dataFile: textOf(keys, "name of data file", name), ...storageOf(keys, name) };
}

/** `!Matrix  size [1]` as `matrix size[1]`. */
function normalKey(text: string): string {
  return text
    .replace(/!/g, "")
    .trim()
    .toLowerCase()
    .replace(/\s+/g, " ")
    .replace(/ \[/g, "[")
    .replace(/\s*\]/g, "]");
}

function storageOf(
  keys: ReadonlyMap<string, string>,
  name: string,
): Omit<InterfileHeader, "keys" | "dataFile"> {
  const written = textOf(keys, "number format", name).toLowerCase();
  const format = /float/.test(written) ? "float" : written;
  const widths: Readonly<Record<string, readonly number[]>> = {
    float: [4, 8],
    "signed integer": [1, 2, 4],
    "unsigned integer": [1, 2, 4],
  };
  const bytesPerNumber = numberOf(keys, "number of bytes per pixel", name);
  if (!widths[format]?.includes(bytesPerNumber))
    fail("unsupported", {
      what: "the number format is not read",
      where: name,
      expected: "float of 4 or 8 bytes, signed integer or unsigned integer of 1, 2 or 4",
      found: `${written} of ${bytesPerNumber} bytes`,
    });
  const order = (keys.get("imagedata byte order") ?? "").toLowerCase();
  if (bytesPerNumber > 1 && order !== "littleendian" && order !== "bigendian")
    fail("unsupported", {
      what: "the order of the bytes is not known",
      where: name,
      expected: "imagedata byte order := LITTLEENDIAN or BIGENDIAN",
      found: order === "" ? "no such key" : order.toUpperCase(),
      fix: "Add the key: without it the numbers cannot be read safely",
    });
  const optional = (
    key: string,
    otherwise: number,
    { fits, expected }: { readonly fits: (value: number) => boolean; readonly expected: string },
  ): number => {
    const own = [`${key}[1]`, key].find((one) => keys.has(one));
    if (own === undefined) return otherwise;
    const value = numberOf(keys, own, name);
    return fits(value) ? value : notUnderstood(keys, own, name, expected);
  };
  return {
    littleEndian: order !== "bigendian",
    format: format as NumberFormat,
    bytesPerNumber,
    offsetBytes: optional("data offset in bytes", 0, {
      fits: (value) => Number.isInteger(value) && value >= 0,
      expected: "a whole number of 0 or more",
    }),
    scale: optional("image scaling factor", 1, { fits: (value) => value > 0, expected: "a number above 0" }),
  };
}

/** A key's text. Throws `bad-file` naming the key when it is missing. */
export function textOf(keys: ReadonlyMap<string, string>, key: string, name: string): string {
  return (
    keys.get(key) ??
    fail("bad-file", {
      what: "a key of the Interfile header is missing",
      where: name,
      expected: `the key ${key}`,
      found: "no such key, or nothing behind it",
      fix: "Add the key, or write the header again with the program that made it",
    })
  );
}

/** A key's number. Throws `bad-file` naming the key when it is missing or no number. */
export function numberOf(keys: ReadonlyMap<string, string>, key: string, name: string): number {
  const [value, ...others] = numbersOf(keys, key, name);
  if (value === undefined || others.length > 0) notUnderstood(keys, key, name, "one number");
  return value;
}

/** A key's numbers: `{ 27,49,71 }`, or a single one. */
export function numbersOf(keys: ReadonlyMap<string, string>, key: string, name: string): number[] {
  const parts = textOf(keys, key, name)
    .replace(/[{}]/g, "")
    .split(",")
    .map((part) => part.trim());
  const values = parts.map(Number);
  if (parts.some((part) => part === "") || !values.every(Number.isFinite))
    notUnderstood(keys, key, name, "numbers");
  return values;
}

function notUnderstood(
  keys: ReadonlyMap<string, string>,
  key: string,
  name: string,
  expected: string,
): never {
  fail("bad-file", {
    what: "a key of the Interfile header is not understood",
    where: name,
    expected: `${key} := ${expected}`,
    found: keys.get(key) ?? "no such key",
  });
}
