import { partThread } from "../../src/studies/parts.node.js";

/** Parts for the test of threads: a sum of shared numbers, twice another part's result, and one that waits to be given up. */
export const start = partThread<{ readonly numbers: Float32Array }>(({ numbers }, signal) => (id, read) => {
  if (id === "sum") return numbers.reduce((a, b) => a + b, 0);
  if (id === "twice") return 2 * (read("sum") as number);
  if (id === "memory") return numbers.buffer instanceof SharedArrayBuffer;
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
});
