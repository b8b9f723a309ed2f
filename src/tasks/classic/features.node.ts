/** Features of rows of a table, measured on images or read from a table of volumes. */
import {
  regionalFeatures,
  tissueFeatureNames,
  tissueFeatures,
  voxelFeatures,
} from "../../classify/features.js";
import { fail } from "../../core/errors.js";
import { joinPath } from "../../io/files.js";
import { loadImage, readTable } from "../../io/node.js";
import type { SubjectRow } from "../../io/subjects.js";
import type { Row } from "../../io/tables.js";
import type { Grid } from "../../volume/volume.js";
import { loadOnGrid } from "../classification/data.node.js";
import type { ClassicConfig } from "./config.js";

type Wanted = ClassicConfig["features"];

/** What a row of features is measured on. */
export interface FeatureSource {
  /** `undefined` where there are too many to name. */
  readonly names: readonly string[] | undefined;
  of(row: Pick<SubjectRow, "subject" | "session" | "image" | "id">): Promise<Float32Array>;
}

/**
 * How features are measured. Voxels have to lie on the training's grid, tissues on any. Throws `not-found` or `bad-data`
 * for volumes that the table does not have.
 */
export async function featureSource(wanted: Wanted, dataDir: string, grid: Grid): Promise<FeatureSource> {
  if (wanted.kind === "voxels")
    return {
      names: undefined,
      of: async ({ image }) => voxelFeatures(await loadOnGrid(image, grid), wanted),
    };
  if (wanted.kind === "tissues")
    return {
      names: wanted.of === "csf" ? ["csf_fraction"] : tissueFeatureNames,
      of: async ({ image }) => {
        const all = tissueFeatures((await loadImage([image], ["image"])).image);
        return wanted.of === "csf" ? all.slice(0, 1) : all;
      },
    };
  return fromVolumes(wanted, dataDir);
}

async function fromVolumes(
  wanted: Extract<Wanted, { kind: "volumes" }>,
  dataDir: string,
): Promise<FeatureSource> {
  const path = joinPath(dataDir, wanted.table);
  const { columns, rows } = await readTable(path);
  const names = (wanted.columns ?? columns.filter((name) => /_ml$/.test(name))).filter(
    (name) => name !== wanted.whole,
  );
  const lacking = ["participant_id", wanted.whole, ...names].filter((name) => !columns.includes(name));
  if (lacking.length > 0 || names.length === 0)
    fail("bad-file", {
      what: "the table of volumes has no such columns",
      where: path,
      expected: `participant_id, ${wanted.whole} and volumes`,
      found: lacking.length > 0 ? `no ${lacking.join(", ")}` : columns.join(", "),
      fix: "Say which with --set features.columns=[...] and features.whole=NAME",
    });
  const keyOf = (subject: string, session: string | undefined): string =>
    `${subject} ${session ?? ""}`.trim();
  const byKey = new Map<string, Row>(
    rows.map((row) => [keyOf(row.participant_id ?? "", row.session_id), row]),
  );
  return {
    names,
    of: async ({ subject, session, id }) => {
      const row =
        byKey.get(keyOf(subject, session)) ??
        fail("bad-data", {
          what: "the table of volumes has no row for a session",
          where: path,
          expected: id,
          fix: "Measure the volumes of every image",
        });
      const value = (name: string): number => {
        const ml = Number(row[name] ?? "none");
        if (!Number.isFinite(ml))
          fail("bad-data", {
            what: `a volume is missing or no number: ${name}`,
            where: `${path}, ${id}`,
            found: row[name] ?? "nothing",
          });
        return ml;
      };
      return regionalFeatures(
        Object.fromEntries([wanted.whole, ...names].map((name) => [name, value(name)])),
        wanted.whole,
      );
    },
  };
}
