import { tilePositions } from "../../volume/patches.js";
import type { SliceRunner } from "./directions.js";

/**
 * A network of one window as one for slices of any extents: windows that overlap by what a value depends on, of each of
 * which the middle is kept, so that nothing is seen of them. What lies beyond a slice is 0, as it is within the network.
 */
export function tiledRunner(
  run: (input: Float32Array) => Promise<Float32Array>,
  [slices, high, wide]: readonly [number, number, number],
  reach: number,
  height: number,
  width: number,
): SliceRunner {
  const tops = startsOf(height, high, reach);
  const lefts = startsOf(width, wide, reach);
  const input = new Float32Array(slices * high * wide);
  return {
    slices,
    run: async (given) => {
      const out = new Float32Array(slices * height * width);
      for (const top of tops)
        for (const left of lefts) {
          input.fill(0);
          for (let s = 0; s < slices; s++)
            for (let y = 0; y < high; y++) {
              const from = top + y;
              if (from < 0 || from >= height) continue;
              const [x0, x1] = [Math.max(0, -left), Math.min(wide, width - left)];
              const at = (s * height + from) * width + left;
              input.set(given.subarray(at + x0, at + x1), (s * high + y) * wide + x0);
            }
          const found = await run(input);
          const [y0, y1] = keptOf(top, high, height, reach);
          const [x0, x1] = keptOf(left, wide, width, reach);
          for (let s = 0; s < slices; s++)
            for (let y = y0; y < y1; y++) {
              const at = (s * high + y) * wide;
              out.set(found.subarray(at + x0, at + x1), (s * height + top + y) * width + left + x0);
            }
        }
      return out;
    },
    close: async () => undefined,
  };
}

/** Where windows begin: overlapping by twice the reach, or one about the middle. */
function startsOf(length: number, window: number, reach: number): number[] {
  return tilePositions([length, 1, 1], [window, 1, 1], Math.min(0.9, (2 * reach) / window)).map(
    ([start]) => start,
  );
}

/** The part of a window whose values are right: all but what is within reach of an edge that is not the slice's own. */
function keptOf(start: number, window: number, length: number, reach: number): [number, number] {
  const low = start <= 0 ? -start : Math.min(reach, window >> 1);
  const high = start + window >= length ? length - start : Math.max(window - reach, (window + 1) >> 1);
  return [low, high];
}
