import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type * as FsPromises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { tensor } from "../../src/core/tensor.js";
import { readSafetensors, readTable, writeSafetensors, writeTable, writeVolume } from "../../src/io/node.js";
import { identityAffine } from "../../src/volume/affine.js";

let full = false;
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof FsPromises>();
  return {
    ...fs,
    // A disk that is full after the first bytes of a file.
    open: async (...args: Parameters<typeof fs.open>) => {
      const file = await fs.open(...args);
      if (full && args[1] === "wx")
        file.writeFile = async (data) => {
          await file.write((data as Uint8Array).subarray(0, 10));
          throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
        };
      return file;
    },
  };
});

const folder = mkdtempSync(join(tmpdir(), "gyrus-disk-"));
const volume = {
  data: Uint8Array.from([1, 2, 3]),
  size: [3, 1, 1],
  affine: identityAffine,
  channels: 1,
} as const;

describe("the disk", () => {
  it("when full gives one error, leaves nothing half-written and what was there as it was", async () => {
    const path = join(folder, "keep.nii");
    writeFileSync(path, "precious");
    full = true;
    try {
      await expect(writeVolume(path, volume)).rejects.toThrow(
        `${path}: the disk is full. Expected room for 355 bytes. Found ENOSPC. Free some space and run this again; nothing was left half-written.`,
      );
    } finally {
      full = false;
    }
    expect(readFileSync(path, "utf8")).toBe("precious");
    expect(readdirSync(folder)).toEqual(["keep.nii"]);
    await writeVolume(path, volume);
    expect(readFileSync(path).length).toBe(355);
  });

  it("keeps tensors and tables", async () => {
    const tensors = { w: tensor("float32", [2], Float32Array.of(1, 2)) };
    await writeSafetensors(join(folder, "w.safetensors"), tensors, { step: "4" });
    expect(await readSafetensors(join(folder, "w.safetensors"))).toEqual({
      tensors,
      metadata: { step: "4" },
    });
    const table = {
      columns: ["id", "dice"],
      rows: [
        { id: "a", dice: "0.9" },
        { id: "b", dice: undefined },
      ],
    };
    await writeTable(join(folder, "t.tsv"), table);
    expect(readFileSync(join(folder, "t.tsv"), "utf8")).toBe("id\tdice\na\t0.9\nb\tn/a\n");
    expect(await readTable(join(folder, "t.tsv"))).toEqual(table);
  });
});
