/** The folder of a preparation: what it is made with, whose tables it holds, what of it is done. */

import { mkdir, readdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { fail } from "../core/errors.js";
import type { DataSet } from "../io/dataset.js";
import { joinPath } from "../io/files.js";
import { sha256 } from "../io/fingerprint.js";
import { jsonOf } from "../io/json.js";
import { nodeFiles, writeText } from "../io/node.js";
import { version } from "../version.js";
import type { PrepareSettings } from "./scan.js";
import { type PreparationRecord, type PrepareTask, sidecarOf } from "./worker.node.js";

const claimSchema = z.object({
  settings: z.object({
    registered: z.boolean(),
    biasCorrection: z.boolean(),
    crop: z.boolean(),
    intensity: z.enum(["minMax", "percentile", "none"]),
  }),
  template: z.string().nullable(),
  version: z.string(),
});

/** `prepare.json` says what a folder is being made with; another command may not go on with it. */
export async function claimFolder(outDir: string, claim: z.infer<typeof claimSchema>): Promise<void> {
  const path = joinPath(outDir, "prepare.json");
  const names = await readdir(outDir).catch((): string[] => []);
  if (names.length > 0) {
    const before = names.includes("prepare.json")
      ? claimSchema.safeParse(jsonOf(new TextDecoder().decode(await nodeFiles.read(path)), path)).data
      : undefined;
    if (JSON.stringify(before) !== JSON.stringify(claim))
      fail("exists", {
        what: "the folder holds something else than this preparation",
        where: outDir,
        expected: "a new or an empty folder, or one that the same command has begun",
        found:
          before === undefined
            ? `${names.length} entries, among them ${names[0]}`
            : "other settings, another template or another version",
        fix: "Choose another folder, or give the same options",
      });
    return;
  }
  await mkdir(outDir, { recursive: true });
  await writeText(path, `${JSON.stringify(claim, null, 2)}\n`);
}

/** The tables that say who is who, and a description of what was made of what. */
export async function copyTables({ root, name, cases }: DataSet, outDir: string): Promise<void> {
  const tables = ["participants.tsv", "participants.json", "sessions.tsv", "sessions.json"];
  const present = new Set(((await nodeFiles.list(root)) ?? []).map((entry) => entry.name));
  const copy = async (path: string): Promise<void> => {
    const target = joinPath(outDir, path);
    await mkdir(dirname(target), { recursive: true });
    await nodeFiles.write(target, await nodeFiles.read(joinPath(root, path)));
  };
  for (const table of tables) if (present.has(table)) await copy(table);
  for (const subject of new Set(cases.map((one) => one.subject))) {
    const own = `${subject}_sessions.tsv`;
    if (((await nodeFiles.list(joinPath(root, subject))) ?? []).some((entry) => entry.name === own))
      await copy(joinPath(subject, own));
  }
  const description = {
    Name: `${name}: prepared`,
    BIDSVersion: "1.9.0",
    DatasetType: "derivative",
    GeneratedBy: [{ Name: "Gyrus", Version: version, Description: "gyrus prepare" }],
    SourceDatasets: [{ URL: resolve(root) }],
  };
  await writeText(joinPath(outDir, "dataset_description.json"), `${JSON.stringify(description, null, 2)}\n`);
}

const recordSchema = z.object({
  GyrusPreparation: z.object({
    source: z.string(),
    sourceSha256: z.string(),
    template: z.string().nullable(),
    templateSha256: z.string().nullable(),
    settings: claimSchema.shape.settings,
    templateToScan: z.array(z.number()).length(16).nullable(),
    quality: z.object({ correlation: z.number(), overlap: z.number() }).nullable(),
    version: z.string(),
  }),
});

/** The record of a scan that is done: its sidecar is there, and made of the same bytes in the same way. */
export async function finished(
  { scan, out }: PrepareTask,
  settings: PrepareSettings,
  template: string | null,
): Promise<PreparationRecord | undefined> {
  await mkdir(dirname(out), { recursive: true });
  const names = await readdir(dirname(out));
  const sidecar = sidecarOf(out);
  if (![out, sidecar].every((path) => names.includes(path.slice(path.lastIndexOf("/") + 1))))
    return undefined;
  const parsed = recordSchema.safeParse(
    jsonOf(new TextDecoder().decode(await nodeFiles.read(sidecar)), sidecar),
  );
  const record = parsed.data?.GyrusPreparation;
  const same =
    record !== undefined &&
    record.templateSha256 === template &&
    JSON.stringify(record.settings) === JSON.stringify(settings) &&
    record.sourceSha256 === (await sha256(await nodeFiles.read(scan)));
  return same ? record : undefined;
}
