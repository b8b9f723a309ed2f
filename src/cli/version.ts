import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string;
  readonly engines: { readonly node: string };
};

/** Version of this package. */
export const gyrusVersion = manifest.version;

/** The oldest major version of Node that it runs on. */
export const oldestNode = Number(/\d+/.exec(manifest.engines.node)?.[0]);
