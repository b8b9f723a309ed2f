import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { nodeFiles } from "../../src/io/disk.node.js";
import type { FileEntry, FileSystem } from "../../src/io/files.js";
import { encodeNifti } from "../../src/io/nifti.js";
import { readPeopleFrom } from "../../src/io/people.js";
import { parseDiagnosisMap, readSubjectsFrom, type SubjectsOptions } from "../../src/io/subjects.js";
import { scalingAffine } from "../../src/volume/affine.js";
import { type Size3, volume } from "../../src/volume/volume.js";

/** A disk in memory, from texts and images by path. */
function disk(contents: Readonly<Record<string, string | Uint8Array>>): FileSystem {
  return {
    ...nodeFiles,
    read: async (path, limit) => {
      const found = contents[path];
      if (found === undefined) return nodeFiles.read(`/nowhere/${path}`);
      const bytes = typeof found === "string" ? new TextEncoder().encode(found) : found;
      return limit === undefined ? bytes : bytes.subarray(0, limit);
    },
    list: async (folder) => {
      const names = new Map<string, FileEntry>();
      for (const path of Object.keys(contents)) {
        if (!path.startsWith(`${folder}/`)) continue;
        const [name, ...rest] = path.slice(folder.length + 1).split("/");
        names.set(name!, { name: name!, folder: rest.length > 0 });
      }
      return names.size === 0 ? undefined : [...names.values()];
    },
  };
}

const image = (size: Size3 = [4, 5, 6], spacing = 2): Uint8Array =>
  encodeNifti(
    volume(new Uint8Array(size[0] * size[1] * size[2]), {
      size,
      affine: scalingAffine([spacing, spacing, spacing]),
    }),
  );

const scans = (...ids: readonly string[]): Record<string, Uint8Array> =>
  Object.fromEntries(ids.map((id) => [`d/${id}/anat/${id}_T1w.nii`, image()]));

const participants = (...lines: readonly string[]): Record<string, string> => ({
  "d/participants.tsv": `${lines.map((line) => line.split(" ").join("\t")).join("\n")}\n`,
});

const four = scans("sub-1", "sub-2", "sub-3", "sub-4");
const good = participants("participant_id diagnosis", "sub-1 CN", "sub-2 AD", "sub-3 CN", "sub-4 AD");

const read = (
  contents: Readonly<Record<string, string | Uint8Array>>,
  options?: SubjectsOptions,
  source = "d",
) => readSubjectsFrom(disk(contents), source, options);

describe("subjects of a BIDS folder", () => {
  it("are one row an image, healthy first among the classes", async () => {
    const table = await read({ ...good, ...four });
    expect(table.rows.map((row) => [row.id, row.diagnosis, row.image])).toEqual([
      ["sub-1", "CN", "d/sub-1/anat/sub-1_T1w.nii"],
      ["sub-2", "AD", "d/sub-2/anat/sub-2_T1w.nii"],
      ["sub-3", "CN", "d/sub-3/anat/sub-3_T1w.nii"],
      ["sub-4", "AD", "d/sub-4/anat/sub-4_T1w.nii"],
    ]);
    expect(table).toMatchObject({ classes: ["CN", "AD"], modality: "T1w", aligned: true, omitted: 0 });
    expect(table.grid.size).toEqual([4, 5, 6]);
  });

  it("have sessions whose fields stand above the participant's", async () => {
    const contents = {
      ...participants("participant_id diagnosis age sex site", "sub-1 CN 70 F a", "sub-2 AD 71 male b"),
      "d/sub-1/sub-1_sessions.tsv": "session_id\tage\tmonths\nses-M0\t70.5\t0\nses-M12\t71.5\t12\n",
      "d/sub-1/ses-M0/anat/sub-1_ses-M0_T1w.nii": image(),
      "d/sub-1/ses-M12/anat/sub-1_ses-M12_T1w.nii": image(),
      "d/sub-2/ses-M0/anat/sub-2_ses-M0_T1w.nii": image(),
    };
    const { rows } = await read(contents);
    expect(rows).toMatchObject([
      { id: "sub-1_ses-M0", subject: "sub-1", ageYears: 70.5, months: 0, sex: "F", site: "a" },
      { id: "sub-1_ses-M12", session: "ses-M12", ageYears: 71.5, months: 12 },
      { id: "sub-2_ses-M0", ageYears: 71, sex: "M", site: "b" },
    ]);
  });

  it("take their diagnosis from any column, its values translated, others left out", async () => {
    const table = participants("participant_id cdr", "sub-1 0", "sub-2 0.50", "sub-3 0", "sub-4 2");
    const { rows, omitted } = await read(
      { ...table, ...four },
      { columns: { diagnosis: "cdr" }, map: parseDiagnosisMap("0=CN,0.5=AD,2=") },
    );
    expect(rows.map((row) => row.diagnosis)).toEqual(["CN", "AD", "CN"]);
    expect(omitted).toBe(1);
  });
});

describe("subjects of a plain table", () => {
  it("name their images relative to it", async () => {
    const contents = {
      "d/list.csv": "subject,image,diagnosis\na,x/1.nii,CN\nb,x/2.nii,AD\n",
      "d/x/1.nii": image(),
      "d/x/2.nii": image(),
    };
    const { rows } = await read(contents, {}, "d/list.csv");
    expect(rows.map((row) => [row.id, row.image])).toEqual([
      ["a", "d/x/1.nii"],
      ["b", "d/x/2.nii"],
    ]);
  });
});

describe("a table of subjects is refused, with its rows,", () => {
  const refused: readonly (readonly [
    string,
    Record<string, string | Uint8Array>,
    SubjectsOptions,
    RegExp,
  ])[] = [
    ["without its table", four, {}, /no table of participants.*Write participants.tsv/],
    [
      "without the column",
      { ...participants("participant_id group", "sub-1 CN"), ...four },
      {},
      /no column "diagnosis". Expected a first line that names it. Found the columns participant_id, group/,
    ],
    [
      "without a column that was asked for",
      { ...good, ...four },
      { columns: { age: "years" } },
      /no column "years". Expected a first line that names it\./,
    ],
    [
      "with unknown diagnoses",
      {
        ...participants("participant_id diagnosis", "sub-1 CN", "sub-2 Demented", "sub-3 CN", "sub-4 AD"),
        ...four,
      },
      {},
      /meaning is not known.*1 row: participants.tsv line 3: sub-2 \(Demented\)\. Say what each value means, as in --set table\.map=/,
    ],
    [
      "with values nobody mapped",
      { ...good, ...four },
      { map: { CN: "CN" } },
      /2 rows: participants.tsv line 3: sub-2 \(AD\); participants.tsv line 5: sub-4 \(AD\)/,
    ],
    [
      "with a session without an image",
      { ...good, ...scans("sub-1", "sub-2", "sub-3") },
      {},
      /sessions without an image.*1 row: participants.tsv line 5: sub-4/,
    ],
    [
      "with an image of nobody",
      { ...good, ...four, ...scans("sub-5") },
      {},
      /images of nobody.*sub-5_T1w.nii/,
    ],
    [
      "with grids that differ",
      { ...good, ...four, "d/sub-4/anat/sub-4_T1w.nii": image([4, 5, 7]) },
      {},
      /different grids.*Expected 4x5x6 voxels.*3 of 4.*1 row: sub-4 \(4x5x7 voxels/,
    ],
    [
      "with voxels that differ",
      { ...good, ...four, "d/sub-4/anat/sub-4_T1w.nii": image([4, 5, 6], 3) },
      {},
      /different grids.*sub-4 \(4x5x6 voxels of 3x3x3 mm\)/,
    ],
    [
      "with modalities that differ in sidecars",
      {
        ...good,
        ...four,
        "d/sub-1/anat/sub-1_T1w.json": '{"Modality":"MR"}',
        "d/sub-4/anat/sub-4_T1w.json": '{"Modality":"PT"}',
      },
      {},
      /different kinds.*sub-4 \(PT\)/,
    ],
    [
      "with one class",
      {
        ...participants("participant_id diagnosis", "sub-1 CN", "sub-2 CN", "sub-3 CN", "sub-4 CN"),
        ...four,
      },
      {},
      /all subjects are of one class.*CN: 4 subjects in 4 rows/,
    ],
    [
      "with none of the classes asked for",
      { ...good, ...four },
      { classes: ["sMCI", "pMCI"] },
      /nobody is left.*Found only CN, AD/,
    ],
    [
      "with fewer subjects than folds",
      { ...good, ...four },
      { folds: 3 },
      /fewer subjects than there are folds.*CN: 2 subjects in 2 rows, AD: 2/,
    ],
    [
      "with a subject twice",
      {
        ...participants("participant_id diagnosis", "sub-1 CN", "sub-2 AD", "sub-1 CN"),
        ...scans("sub-1", "sub-2"),
      },
      {},
      /more than once.*1 row: participants.tsv line 4: sub-1 \(also participants.tsv line 2: sub-1\)/,
    ],
    [
      "with missing values",
      {
        ...participants("participant_id diagnosis age", "sub-1 CN 70", "sub-2 n/a 71", "sub-3 AD old"),
        ...scans("sub-1", "sub-2", "sub-3"),
      },
      {},
      /missing or cannot be read.*2 rows: participants.tsv line 3: sub-2 \(no diagnosis\); participants.tsv line 4: sub-3 \(age "old"\)/,
    ],
  ];
  it.each(refused)("%s", async (_, contents, options, message) => {
    await expect(read(contents, options)).rejects.toThrow(message);
  });

  it("with images of two modalities in a plain table", async () => {
    const contents = {
      "d/l.csv": "subject,image,diagnosis\na,a_T1w.nii,CN\nb,b_FLAIR.nii,AD\nc,c_T1w.nii,AD\n",
      "d/a_T1w.nii": image(),
      "d/b_FLAIR.nii": image(),
      "d/c_T1w.nii": image(),
    };
    await expect(read(contents, {}, "d/l.csv")).rejects.toThrow(/different kinds.*Expected T1w.*b \(FLAIR\)/);
  });

  it("but not for images whose names end in numbers", async () => {
    const contents = {
      "d/l.csv": "subject,image,diagnosis\na,patient_12.nii,CN\nb,patient_13.nii,AD\n",
      "d/patient_12.nii": image(),
      "d/patient_13.nii": image(),
    };
    expect(await read(contents, {}, "d/l.csv")).toMatchObject({ modality: "image", classes: ["CN", "AD"] });
  });

  it("unless rows with missing values may be left out", async () => {
    const table = participants(
      "participant_id diagnosis",
      "sub-1 CN",
      "sub-2 n/a",
      "sub-3 AD",
      "sub-4 AD",
      "sub-9 CN",
    );
    const { rows, omitted } = await read({ ...table, ...four }, { missing: "omit" });
    expect(rows.map(({ id }) => id)).toEqual(["sub-1", "sub-3", "sub-4"]);
    expect(omitted).toBe(2);
  });
});

describe("people of a table, for a split,", () => {
  const people = (text: string) => readPeopleFrom(disk({ "d/l.csv": text }), "d/l.csv");

  it("are its subjects, each as the first row says, and need no images and no known diagnoses", async () => {
    const found = await people("patient,id,session,kind\n1,a,M0,x\n1,a,M12,y\n2,b,,z\n");
    expect(found.cases.map(({ id, subject }) => [id, subject])).toEqual([
      ["a_M0", "a"],
      ["a_M12", "a"],
      ["b", "b"],
    ]);
    expect(found.participants!.map(({ participant_id, kind }) => [participant_id, kind])).toEqual([
      ["a", "x"],
      ["b", "z"],
    ]);
  });

  it("have to be named in every row", async () => {
    await expect(people("subject,kind\na,x\n,y\n,z\n")).rejects.toThrow(
      "d/l.csv: 2 rows do not say whose they are. Expected a subject in every row. Found nothing in line 3, 4.",
    );
    await expect(people("subject,kind\n")).rejects.toThrow(/the table has no rows/);
    await expect(people("who,kind\na,x\n")).rejects.toThrow(
      /no column "participant_id" or "subject".*Expected a first line that names it, in one of these ways/,
    );
  });
});

const real = "../shared/data/oasis1-slabs";
describe.skipIf(!existsSync(real))(`subjects of ${real} (skipped where it is absent)`, () => {
  it("are 70 and 70, on one grid", async () => {
    const table = await readSubjectsFrom(nodeFiles, real, {
      columns: { diagnosis: "cdr" },
      map: parseDiagnosisMap("0=CN,0.5=AD,1=AD,2=AD"),
      folds: 5,
    });
    expect(table.classes).toEqual(["CN", "AD"]);
    expect(table.rows.filter(({ diagnosis }) => diagnosis === "AD").length).toBe(70);
    expect(table.rows.length).toBe(140);
    expect(table).toMatchObject({ aligned: true, grid: { size: [88, 104, 16] } });
  });
});
