import { describe, expect, it } from "vitest";
import { openParts } from "../../src/studies/parts.node.js";

const parts = [
  { id: "sum", what: "a sum", cost: 1 },
  { id: "memory", what: "what memory it is", cost: 1 },
  { id: "twice", what: "twice that", cost: 1, after: ["sum"] },
  { id: "endless", what: "no end", cost: 1 },
];

const open = () => {
  const numbers = Float32Array.from([1, 2, 3.5]);
  return openParts(new URL("./parts-thread.ts", import.meta.url), { numbers }, { parts, threads: 2 });
};

describe("parts on threads", () => {
  it("get shared memory and the results of the parts that they come after, and no others", async () => {
    const workshop = await open();
    const asked: string[] = [];
    const read = (id: string): unknown => {
      asked.push(id);
      return 6.5;
    };
    expect(await workshop.run("sum", read)).toBe(6.5);
    expect(await workshop.run("memory", read)).toBe(true);
    expect(asked).toEqual([]);
    expect(await workshop.run("twice", read)).toBe(13);
    expect(asked).toEqual(["sum"]);
    await workshop.close();
  });

  it("are told to give up when the workshop closes, which waits for them", async () => {
    const workshop = await open();
    const ended = expect(workshop.run("endless", () => undefined)).rejects.toThrow(
      "the study was interrupted",
    );
    await workshop.close();
    await ended;
  });
});
