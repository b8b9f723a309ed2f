import jpeg from "jpeg-js";
import { describe, expect, it } from "vitest";
import { auditFrom } from "../../src/audit/audit.js";
import { buildAuditReport } from "../../src/audit/html.js";
import { classOfPath, identityOf, partOfPath, subjectOfPath } from "../../src/audit/names.js";
import { describeAudit } from "../../src/audit/words.js";
import { fail } from "../../src/core/errors.js";
import type { FileSystem } from "../../src/io/files.js";
import { nodeFiles } from "../../src/io/node.js";
import { encodePng } from "../../src/io/png.js";
import { slice } from "./heads.js";

/** Files in memory. */
function memory(entries: Readonly<Record<string, Uint8Array | string>>): FileSystem {
  const files = new Map(
    Object.entries(entries).map(([path, bytes]) => [
      path,
      typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes,
    ]),
  );
  return {
    ...nodeFiles,
    read: async (path, limit) => {
      const bytes = files.get(path) ?? fail("not-found", { what: "there is no such file", where: path });
      return bytes.subarray(0, limit ?? bytes.length);
    },
    list: async (path) => {
      const inside = [...files.keys()]
        .filter((one) => one.startsWith(`${path}/`))
        .map((one) => one.slice(path.length + 1));
      if (inside.length === 0) return undefined;
      const names = [...new Set(inside.map((one) => one.split("/")[0]!))].sort();
      return names.map((name) => ({ name, folder: !inside.includes(name) }));
    },
  };
}

/** As releases of slices are: colours that are grey, some quality. */
function encodeJpeg({ data, size: [width, height] }: ReturnType<typeof slice>): Uint8Array {
  const rgba = Uint8Array.from({ length: 4 * width * height }, (_, at) =>
    at % 4 === 3 ? 255 : data[at >> 2]!,
  );
  return new Uint8Array(jpeg.encode({ width, height, data: rgba }, 85).data);
}

type Format = "png" | "jpg" | "both";

function slices(leaky: boolean, format: Format = "png", more: Record<string, Uint8Array> = {}): FileSystem {
  const entries: Record<string, Uint8Array> = { ...more };
  for (let n = 0; n < 14; n++)
    for (let at = 0; at < 4; at++) {
      const held = leaky ? (n + at) % 4 === 0 : n % 5 === 0;
      const number = String((n * 4 + at) * 7919 + 13).padStart(6, "0");
      const whole = slice(n, at);
      const data = whole.data.map((value) => Math.min(255, Math.max(0, Math.round(value / 6))));
      const jpg = format === "jpg" || (format === "both" && held);
      const bytes = jpg ? encodeJpeg({ ...whole, data }) : encodePng({ ...whole, data });
      entries[`set/${held ? "Test" : "train"}/AD/${number}.${jpg ? "JPG" : "png"}`] = bytes;
    }
  return memory(entries);
}

describe("a folder of slices with names that mean nothing", () => {
  it("is flagged when heads are on both sides, with pairs in the report", async () => {
    const found = await auditFrom(slices(true), "set");
    expect(found.audit).toMatchObject({
      found: true,
      counts: { train: 42, validation: 0, test: 14 },
      identifiers: null,
    });
    expect(describeAudit(found.audit).at(-1)).toBe("Found: biased split. 5 of 6 checks could not be made.");
    const page = buildAuditReport(found);
    expect(page.match(/data:image\/png;base64/g)!.length).toBeGreaterThan(3);
    expect(page).toContain("Left: held out. Right: in training.");
  });

  it("passes when they are not", async () => {
    const { audit } = await auditFrom(slices(false), "set");
    expect(audit.found).toBe(false);
    expect(describeAudit(audit).join("\n")).toContain(
      "[clean] one head on both sides, by the images themselves",
    );
  });
});

describe("a folder of JPEG slices", () => {
  it.each(["jpg", "both"] as const)("is flagged and passes as PNG does (%s)", async (format) => {
    const found = await auditFrom(slices(true, format), "set");
    expect(found.audit).toMatchObject({ found: true, counts: { train: 42, validation: 0, test: 14 } });
    for (const { held, training } of found.pairs) {
      const head = ({ item }: typeof held) =>
        Math.floor((Number(/(\d+)\.\w+$/.exec(item.id)![1]) - 13) / 7919 / 4);
      expect(head(held)).toBe(head(training));
    }
    const clean = await auditFrom(slices(false, format), "set");
    expect(clean.audit.found).toBe(false);
    expect(clean.audit.checks[1]!.status).toBe("clean");
  });

  it("may have PNG files under the name of JPEG, and others that are counted", async () => {
    const png = encodePng({ ...slice(1, 1), data: slice(1, 1).data.map(() => 3) });
    const { audit } = await auditFrom(
      slices(false, "png", {
        "set/train/AD/odd.jpg": png,
        "set/train/AD/x.tif": png,
        "set/notes.txt": png,
        "set/train/y.tif": png,
      }),
      "set",
    );
    expect(audit.notes).toEqual(["3 files of other kinds (.tif, .txt) were not looked at."]);
    await expect(
      auditFrom(slices(false, "png", { "set/train/bad.jpeg": new Uint8Array([1, 2, 3]) }), "set"),
    ).rejects.toThrow(/^set\/train\/bad\.jpeg: the JPEG file is damaged/);
  });
});

describe("names", () => {
  it("say whose image it is where archives have a way to", () => {
    expect(subjectOfPath("train/sub-012/anat/sub-012_T1w.nii.gz")).toBe("sub-012");
    expect(subjectOfPath("train/AD/OAS1_0028_MR1_mpr-1_100.png")).toBe("OAS1_0028");
    expect(subjectOfPath("x/ADNI_002_S_0295_MR_slice9.png")).toBe("002_S_0295");
    expect(subjectOfPath("train/mild_26 (19).png")).toBeUndefined();
    expect(identityOf(subjectOfPath("a/SUB-012_T1w.nii")!)).toBe(identityOf("sub-012"));
    expect(["Subject_12", "subject 12", "SUBJECT-12"].map(identityOf)).toEqual(Array(3).fill("subject-12"));
    expect(["7", "7.0", "7.5"].map(identityOf)).toEqual(["7", "7", "7.5"]);
  });

  it("say which side it is on", () => {
    expect(partOfPath("Training/AD/1.png")).toBe("train");
    expect(partOfPath("AD/test/1.png")).toBe("test");
    expect(partOfPath("val_set/1.png")).toBe("validation");
    expect(partOfPath("images/1.png")).toBeUndefined();
    expect(classOfPath("AD/test/1.png")).toBe("AD");
    expect(classOfPath("test/AD/OAS1_0028_MR1/1.png")).toBe("AD");
  });

  it.each([
    ["Training Data/1.png", "train"],
    ["test images/1.png", "test"],
    ["AD_train/1.png", "train"],
    ["02_test/1.png", "test"],
    ["trainA/1.png", "train"],
    ["test.2019/1.png", "test"],
    ["Validation set/1.png", "validation"],
    ["imagesTs/1.nii", "test"],
    ["trainval/1.png", "train"],
    ["train_val/1.png", "train"],
    ["train/val/AD/1.png", "validation"],
    ["train/train/AD/1.png", "train"],
    ["final/train/1.png", "train"],
    ["holdout/1.png", "test"],
    ["train/sub-01/ses-test/1.nii", "train"],
    ["train_test_split/1.png", undefined],
    ["retest/1.png", undefined],
  ] as const)("say which side it is on however people call it: %s", (path, part) => {
    expect(partOfPath(path)).toBe(part);
  });

  it("that differ in how they are written alone are one", async () => {
    const png = encodePng({ ...slice(1, 1), data: slice(1, 1).data.map(() => 3) });
    const { audit } = await auditFrom(
      memory({ "set/train/OAS1_0001_MR1_90.png": png, "set/test/oas1_0001_mr1_100.png": png }),
      "set",
    );
    expect(audit.checks[0]!.findings[0]!.statement).toBe(
      "1 of 1 subjects of test are in train as well, with 1 and 1 images",
    );
    expect(audit.notes).toEqual([
      "1 identifiers are written in several ways and were taken for one: oas1_0001 = OAS1_0001.",
    ]);
    const table = "split,subject\ntrain,sub-01\ntest,SUB-01\ntrain,1\ntest,1.0\n";
    const { audit: ofTable } = await auditFrom(memory({ "a.csv": table }), "a.csv");
    expect(ofTable.checks[0]!.findings[0]!.evidence[0]).toMatchObject({ names: ["1", "sub-01"] });
  });
});

describe("bad input", () => {
  const failing = (path: string, entries: Readonly<Record<string, string>>) =>
    auditFrom(memory(entries), path);

  it("is a clear error each", async () => {
    await expect(failing("nothing", {})).rejects.toThrow("there is no such file");
    await expect(failing("empty", { "empty/readme.txt": "x" })).rejects.toThrow(
      "there are no images in the folder. Expected images (.png, .jpg, .nii, .nii.gz) in folders called train, validation or test; or a table, a run, or a data set with --split. Found 1 files of other kinds (.txt).",
    );
    await expect(failing("one", { "one/train/a.png": "x" })).rejects.toThrow(
      "the held-out side of the split is empty",
    );
    await expect(
      failing("one", { "one/train/a.png": "not a picture", "one/test/b.png": "nor this" }),
    ).rejects.toThrow(/one\/(test\/b|train\/a)\.png: /);
    await expect(failing("loose", { "loose/a.png": "x" })).rejects.toThrow(
      "no image lies in a folder for a side of a split",
    );
    await expect(failing("bids", { "bids/sub-1/anat/sub-1_T1w.nii": "x" })).rejects.toThrow(
      "a data set says nothing of a split",
    );
    await expect(
      failing("cv", { "cv/fold0/train/a.png": "x", "cv/fold0/test/b.png": "x", "cv/fold1/train/b.png": "x" }),
    ).rejects.toThrow(
      "cv: the folder holds several splits. Expected one folder for training and others that are held out. Found fold0, fold1. Audit one at a time, cv/fold0 first",
    );
    await expect(failing("run", { "run/run.json": "{}" })).rejects.toThrow(
      'run/run.json: the record\'s entry "system" does not fit:',
    );
  });

  it("of tables names columns and lines", async () => {
    await expect(failing("a.csv", { "a.csv": "subject,path\n1,x.png\n" })).rejects.toThrow(
      'the table has no column "split". Expected the columns split and subject or path',
    );
    await expect(failing("b.csv", { "b.csv": "split,age\ntrain,7\n" })).rejects.toThrow(
      "neither whose images these are nor where",
    );
    await expect(failing("c.csv", { "c.csv": "split,subject\ntrain,1\nsoon,2\n" })).rejects.toThrow(
      /c\.csv, lines 3: 1 rows are on no side of the split\. .* Found soon\./,
    );
    await expect(failing("d.csv", { "d.csv": "split,subject\ntrain,1\n" })).rejects.toThrow(
      "the held-out side of the split is empty",
    );
    await expect(
      failing("e.csv", { "e.csv": "split,path\ntrain,a.png\ntest,b.png\n", "a.png": "x" }),
    ).rejects.toThrow("e.csv: the images of 1 of 2 rows are not there.");
  });

  it("of tables without paths leaves the images out", async () => {
    const table = "split\tparticipant_id\tdiagnosis\ntrain\tp1\tAD\ntest\tp1\tAD\ntest\tp2\tCN\n";
    const { audit } = await failing("e.tsv", { "e.tsv": table });
    expect(audit.found).toBe(true);
    expect(audit.notes).toEqual(["3 rows have no path: their images were not looked at."]);
    expect(audit.checks[0]!.findings[0]!.statement).toBe(
      "1 of 2 subjects of test are in train as well, with 1 and 1 images",
    );
  });
});
