import { workerData } from "piscina";
import { GyrusError } from "./errors.js";
import type { Answer, Start } from "./pool.node.js";

const { module, setup } = workerData as { module: string; setup: unknown };
const { start } = (await import(module)) as { start: Start<unknown, unknown, unknown> };
const work = start(setup);

/** The entry of every thread of `openPool`. */
export async function answer(task: unknown): Promise<Answer<unknown>> {
  try {
    return { result: await work(task) };
  } catch (error) {
    if (error instanceof GyrusError)
      return { kind: error.kind, details: { ...error.details, cause: undefined } };
    throw error;
  }
}
