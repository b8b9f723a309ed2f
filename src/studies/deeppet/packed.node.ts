/** Plain data with arrays of floats as base64 text, for JSON. */
export function packed(value: unknown): unknown {
  if (value instanceof Float32Array)
    return { float32: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  if (Array.isArray(value)) return value.map(packed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, packed(inner)]));
}

/** What `packed` was given. */
export function unpacked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpacked);
  if (typeof value !== "object" || value === null) return value;
  if ("float32" in value && typeof value.float32 === "string")
    return new Float32Array(Uint8Array.from(Buffer.from(value.float32, "base64")).buffer);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unpacked(inner)]));
}
