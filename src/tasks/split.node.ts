import { leakageStudyWords, requireHonestSplit } from "../audit/honest.js";
import { fail } from "../core/errors.js";
import { sha256 } from "../io/fingerprint.js";
import { pairPaths } from "../io/nifti-files.js";
import { nodeFiles } from "../io/node.js";
import type { Split, Splittable } from "../io/split.js";
import { parseSplitFile, splitOfFile } from "../io/split-file.js";
import type { RunRecord } from "./run.js";
import type { TrainRequest } from "./verbs.js";

/** A data set whose cases know their files. */
export type SplittableFiles = Splittable & {
  readonly cases: readonly {
    readonly id: string;
    readonly subject: string;
    readonly images: readonly string[];
  }[];
};

/**
 * The split of a new training: of the file that was asked for, else what `otherwise` makes. Throws `bad-data` for one that leaks, by subject
 * or by equal files, unless the request marks a leakage study. Images are recorded
 * by their digests, those of a sealed test set apart. `strangers` as of `splitOfFile`.
 */
export async function splitOf(
  dataset: SplittableFiles,
  request: Pick<TrainRequest, "split" | "fold" | "folds" | "leakageStudy" | "dataDir">,
  otherwise: () => Split,
  { strangers = "refuse" }: { readonly strangers?: "refuse" | "ignore" } = {},
): Promise<RunRecord["split"]> {
  const { split: file, fold = 0, leakageStudy = false } = request;
  if (file !== undefined && request.folds !== undefined)
    fail("bad-argument", {
      what: "the split has folds already",
      where: "--folds",
      found: file,
      fix: "Leave --folds out, or make another split with gyrus split",
    });
  const split =
    file === undefined
      ? otherwise()
      : splitOfFile(
          parseSplitFile(new TextDecoder().decode(await nodeFiles.read(file)), file, {
            leaky: leakageStudy,
          }),
          dataset,
          fold,
          file,
          { strangers },
        );
  const digests = new Map<string, string>();
  for (const { id, images } of dataset.cases) digests.set(id, (await digestsOf(images)).join(" "));
  requireHonestSplit(split, { leakageStudy, where: file ?? request.dataDir, digests });
  const digestsIn = (ids: readonly string[]) =>
    Object.fromEntries(ids.map((id) => [id, digests.get(id)!.split(" ")]));
  return JSON.parse(
    JSON.stringify({
      ...split,
      ...(split.sealed === true ? { digests: digestsIn(split.test) } : {}),
      images: digestsIn([...split.train, ...split.validation, ...split.test]),
    }),
  ) as RunRecord["split"];
}

/** SHA-256 of files, of the two files of a `.hdr/.img` pair together; of what is inside of compressed ones, so that a scan stays the same scan when it is unpacked or packed again. */
export async function digestsOf(paths: readonly string[]): Promise<string[]> {
  const digests: string[] = [];
  for (const path of paths) {
    const [header, image] = await pairPaths(nodeFiles, path);
    const bytes = await unpacked(header);
    digests.push(await sha256(image === undefined ? bytes : Buffer.concat([bytes, await unpacked(image)])));
  }
  return digests;
}

async function unpacked(path: string): Promise<Uint8Array> {
  const bytes = await nodeFiles.read(path);
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? nodeFiles.gzip.expand(bytes, path) : bytes;
}

/** What a report, an evaluation or a summary of a run must say first. */
export function honestyNotes({ leakageStudy }: Pick<RunRecord, "leakageStudy">): string[] {
  return leakageStudy ? [leakageStudyWords] : [];
}
