import { z } from "zod";
import { openDataSetFrom } from "../io/dataset.js";
import type { DataSetOptions } from "../io/dataset-types.js";
import type { FileSystem } from "../io/files.js";
import {
  parseDiagnosisMap,
  readSubjectsFrom,
  type SubjectsOptions,
  type SubjectTable,
} from "../io/subjects.js";
import { collectCases, covariatesOf, leftOut, twoSided } from "./collect.js";
import type { RunFacts } from "./run-facts.js";
import type { AuditItem, Collection, Part } from "./types.js";

/**
 * The cases of a run on the sides that its record says, with their images where these are still there. Of a run that tells
 * diagnoses apart they have the labels that it was trained with: those of the column, the meaning of its values and the
 * classes that its configuration names.
 */
export async function collectRun(files: FileSystem, dir: string, facts: RunFacts): Promise<Collection> {
  const partsOf = partsIn(facts);
  const kind = `run of ${facts.system}`;
  const reading = diagnosisReading(facts);
  const table =
    reading === undefined
      ? undefined
      : await readSubjectsFrom(files, facts.data.root, reading).catch((error: unknown) => error);
  if (isTable(table) && table.rows.some(({ id }) => partsOf(id).length > 0))
    return { ...collectRows(table, kind, partsOf), name: dir };
  const opened = await openDataSetFrom(
    files,
    facts.data.root,
    (facts.data.options ?? {}) as DataSetOptions,
  ).catch(() => undefined);
  const known = opened?.cases.some(({ id }) => partsOf(id).length > 0) === true;
  const found = known ? collectCases(opened, kind, partsOf) : recordedCases(facts, kind);
  if (reading === undefined) return { ...found, name: dir };
  const why = table instanceof Error ? table.message : "it has none of the run's cases";
  const lost = `The table of diagnoses that it was trained by cannot be read as it was then, so that no diagnosis is known: ${why}`;
  return {
    ...found,
    name: dir,
    items: found.items.map(({ diagnosis: _, ...item }) => item),
    notes: [...found.notes, lost],
  };
}

const isTable = (value: unknown): value is SubjectTable =>
  typeof value === "object" && value !== null && "rows" in value;

/** On which sides a case is: on several in a run whose split leaks. */
function partsIn({ split }: RunFacts): (id: string) => readonly Part[] {
  const sides = (["train", "validation", "test"] as const).map((part) => ({
    part,
    ids: new Set(split[part]),
  }));
  return (id) => sides.flatMap(({ part, ids }) => (ids.has(id) ? [part] : []));
}

/** What the configuration of a run says about diagnoses, where it is of such a system. */
const diagnosisSchema = z.object({
  classes: z.tuple([z.string(), z.string()]),
  table: z.object({
    diagnosis: z.string().nullable(),
    map: z.string().nullable(),
    missing: z.enum(["refuse", "omit"]),
  }),
});

function diagnosisReading({ config, data }: RunFacts): SubjectsOptions | undefined {
  const found = diagnosisSchema.safeParse(config);
  if (!found.success) return undefined;
  const { classes, table } = found.data;
  const { channels, derivative } = (data.options ?? {}) as DataSetOptions;
  return {
    classes,
    missing: table.missing,
    // The audit has no classes to fill.
    oneClass: true,
    ...(table.diagnosis === null ? {} : { columns: { diagnosis: table.diagnosis } }),
    ...(table.map === null ? {} : { map: parseDiagnosisMap(table.map) }),
    ...(channels?.[0] === undefined ? {} : { suffix: channels[0] }),
    ...(derivative === undefined ? {} : { derivative }),
  };
}

/** The rows of a table of diagnoses, each on its sides; rows on none are left out. */
function collectRows(
  { source, table, rows }: SubjectTable,
  kind: string,
  partsOf: (id: string) => readonly Part[],
): Collection {
  const items = rows.flatMap(({ id, subject, session, image, diagnosis, fields }) =>
    partsOf(id).map(
      (part): AuditItem => ({
        id,
        part,
        path: image,
        subject,
        ...(session === undefined ? {} : { session }),
        diagnosis,
        covariates: covariatesOf(fields, Object.keys(fields)),
      }),
    ),
  );
  return twoSided({
    name: source,
    kind,
    items,
    identifiers: `the subjects of ${table}`,
    notes: leftOut(rows.filter(({ id }) => partsOf(id).length === 0).length),
  });
}

/** The cases of a run whose images are not at hand, as its record names them. */
function recordedCases({ split, data }: RunFacts, kind: string): Collection {
  const parts = ["train", "validation", "test"] as const;
  return {
    name: data.root,
    kind,
    items: parts.flatMap((part) => split.subjects[part].map((subject) => ({ id: subject, part, subject }))),
    identifiers: "the run's record",
    notes: [
      `The images of ${data.root} are not read as a data set of scans: the record alone was looked at.`,
    ],
  };
}
