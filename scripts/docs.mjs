// npm run docs: write the pages that are generated from the code.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { opsPage } from "./ops-page.mjs";
import { root, setup } from "./setup.mjs";

setup();
const { table } = await import("../dist/ops/table.js");
const { targets } = await import("../dist/lower/targets.js");
const { supportOf } = await import("../dist/lower/support.js");
const folder = join(root, "src", "ops");
const sources = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
const path = join("docs", "ops.md");
writeFileSync(join(root, path), opsPage({ table, targets, supportOf, sources }));
console.log(path);
