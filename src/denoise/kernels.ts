import { stageKernel } from "./bm4d/stage.js";
import { medianKernel } from "./median.js";
import { nlmKernel } from "./nlm.js";
import { tvKernel } from "./tv.js";

/** The work that may be done on several threads: each makes, from what they share, a function of one task. */
export const kernels = {
  median: medianKernel,
  nlm: nlmKernel,
  tv: tvKernel,
  bm4d: stageKernel,
} as const;

export type KernelName = keyof typeof kernels;
export type Setup<K extends KernelName> = Parameters<(typeof kernels)[K]>[0];
export type Task<K extends KernelName> = Parameters<ReturnType<(typeof kernels)[K]>>[0];
export type Result<K extends KernelName> = ReturnType<ReturnType<(typeof kernels)[K]>>;
