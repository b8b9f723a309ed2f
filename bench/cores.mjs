// How far apart the cores are that two threads run on: nanoseconds from one to the other and back.
// Virtual machines move: between cores that share a cache about 120 ns were seen, on the same machine minutes later 350,
// and then everything that one thread writes and another reads takes that much longer.
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";

const trips = 100_000;

const other = `
const { workerData } = require("node:worker_threads");
const cell = new Int32Array(workerData);
for (let n = 0; n < ${trips}; n++) {
  while (Atomics.load(cell, 0) === 0);
  Atomics.store(cell, 0, 0);
}`;

export async function roundTripNs() {
  // Threads of the engines still look for work for a while.
  await pause(200);
  const memory = new SharedArrayBuffer(4);
  const cell = new Int32Array(memory);
  const worker = new Worker(other, { eval: true, workerData: memory });
  await new Promise((resolve) => worker.once("online", resolve));
  Atomics.store(cell, 0, 1);
  while (Atomics.load(cell, 0) === 1);
  const began = performance.now();
  for (let n = 1; n < trips; n++) {
    Atomics.store(cell, 0, 1);
    while (Atomics.load(cell, 0) === 1);
  }
  const elapsed = performance.now() - began;
  await worker.terminate();
  return Math.round((elapsed * 1e6) / (trips - 1));
}
