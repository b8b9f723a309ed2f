import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as anywhere from "../src/index.js";
import * as node from "../src/node.js";
import * as web from "../src/web.js";

/**
 * What users can import from the doors. A name that appears or disappears is a change that they see: update this
 * list with `npx vitest run test/exports.test.ts -u`, and write a line in CHANGELOG.md.
 */
describe("public names", () => {
  const doors = { index: anywhere, node, web } as const;

  it.each(Object.keys(doors) as (keyof typeof doors)[])("of %s.ts", async (door) => {
    const { values, types } = namesIn(readFileSync(new URL(`../src/${door}.ts`, import.meta.url), "utf8"));
    expect(Object.keys(doors[door]).sort()).toEqual(values);
    const listed = [...values, ...types.map((name) => `type ${name}`)].join("\n");
    await expect(`${listed}\n`).toMatchFileSnapshot(`./exports/${door}.txt`);
  });

  it("of gyrus/node and gyrus/web are not those of gyrus", () => {
    expect(Object.keys(node).filter((name) => name in anywhere)).toEqual([]);
    expect(Object.keys(web).filter((name) => name in anywhere)).toEqual([]);
  });
});

/** A door is made of lists: `export { a, type B } from` and `export type { C } from`. */
function namesIn(text: string): { readonly values: string[]; readonly types: string[] } {
  const names = [...text.matchAll(/export (type )?\{([^}]*)\} from/g)].flatMap(([, type = "", list = ""]) =>
    list
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => (name.startsWith("type ") ? name : type + name)),
  );
  const types = names.filter((name) => name.startsWith("type ")).map((name) => name.slice("type ".length));
  return { values: names.filter((name) => !name.startsWith("type ")).sort(), types: types.sort() };
}
