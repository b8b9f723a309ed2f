import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { version } from "../src/version.js";

const read = (path: string): unknown =>
  JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), "utf8"));

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface Locked {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly hasInstallScript?: boolean;
}

const manifest = read("package.json") as Manifest;
const { packages } = read("package-lock.json") as { packages: Readonly<Record<string, Locked>> };

describe("the package", () => {
  it("has the version that the code says", () => expect(manifest.version).toBe(version));

  it("pins what it depends on", () => {
    const ranges = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(ranges.filter((range) => !/^\d+\.\d+\.\d+$/.test(range))).toEqual([]);
  });

  // npm drops packages of other platforms from the lock file where a mirror does not have them, and "npm ci" then
  // refuses the whole file. Put their entries back by hand when this fails.
  it("has the packages of every platform in its lock file", () => {
    const lost = Object.entries(packages).flatMap(([where, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${where}/node_modules/${name}` in packages),
      ),
    );
    expect(lost).toEqual([]);
  });

  // protobufjs, which onnxruntime-web asks for, only checks how its version is written there, without a network.
  it("depends on no install script but the one that is skipped on purpose and one that does no work", () => {
    const scripts = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const names = scripts.map(([where]) => where.replace("node_modules/", ""));
    expect(names.sort()).toEqual(["onnxruntime-node", "protobufjs"]);
  });
});
