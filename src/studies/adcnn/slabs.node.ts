import { existsSync } from "node:fs";
import { joinPath } from "../../io/files.js";
import { loadImage, readSubjects } from "../../io/node.js";
import { prepareImage } from "../../tasks/classification/prepare.js";
import type { SlicedSubject } from "./data.js";
import type { Extent } from "./plan.js";
import { bothCuts } from "./subjects.node.js";

/** The folder of slabs in what `--data` names: itself a BIDS folder, or one that holds `oasis1-slabs`; else nothing. */
export function slabFolder(dataDir: string | undefined): string | undefined {
  if (dataDir === undefined) return undefined;
  return [dataDir, joinPath(dataDir, "oasis1-slabs")].find((path) =>
    existsSync(joinPath(path, "participants.tsv")),
  );
}

/** Real heads, every slice of each. Throws what `readSubjects` does. */
export async function readSlabs(
  folder: string,
  { realSize: [width, height] }: Extent,
): Promise<SlicedSubject[]> {
  const { rows } = await readSubjects(folder, { classes: ["CN", "AD"] });
  const found: SlicedSubject[] = [];
  for (const { subject, diagnosis, image: path } of rows) {
    const { image } = await loadImage([path], ["image"]);
    const nk = image.size[2];
    const input = { size: [width, height, nk], enlarge: false, intensity: "percentile" } as const;
    const prepared = prepareImage(image, { ...input, size: [...input.size] }, path);
    found.push({ id: subject, positive: diagnosis === "AD", ...bothCuts(prepared, image, nk) });
  }
  return found;
}
