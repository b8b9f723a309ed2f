/**
 * The values that would stand at the given places (from 0) if all were sorted, exactly, without sorting: two
 * counts over the upper and the lower half of the bits (radix selection). No not-a-numbers.
 */
export function orderStatistics(values: Float32Array, ranks: readonly number[]): number[] {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const upper = new Uint32Array(65536);
  for (let at = 0; at < bits.length; at++) upper[ordered(bits[at]!) >>> 16]!++;
  const inside = new Map<number, Uint32Array>();
  const places = ranks.map((rank) => {
    const place = locate(upper, rank);
    if (!inside.has(place.bin)) inside.set(place.bin, new Uint32Array(65536));
    return place;
  });
  for (const [bin, lower] of inside)
    for (let at = 0; at < bits.length; at++) {
      const key = ordered(bits[at]!);
      if (key >>> 16 === bin) lower[key & 65535]!++;
    }
  const word = new Uint32Array(1);
  const float = new Float32Array(word.buffer);
  return places.map(({ bin, rest }) => {
    const key = ((bin << 16) | locate(inside.get(bin)!, rest).bin) >>> 0;
    // Undo `ordered`: keys of positive numbers have the highest bit set.
    word[0] = key >>> 31 ? key ^ 0x80000000 : ~key;
    return float[0]!;
  });
}

/** Bits of a float as an unsigned number that grows with it: negative numbers reversed, positive ones above. */
function ordered(bits: number): number {
  return (bits & 0x80000000 ? ~bits : bits | 0x80000000) >>> 0;
}

/** The bin in which the item of a rank lies, and its rank among the items of that bin. */
function locate(counts: Uint32Array, rank: number): { bin: number; rest: number } {
  let rest = rank;
  let bin = 0;
  while (rest >= counts[bin]!) rest -= counts[bin++]!;
  return { bin, rest };
}
