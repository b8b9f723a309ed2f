import { fail } from "../../../core/errors.js";
import { requireSameGrid } from "../../../io/case.js";
import { baseName, type FileSystem, folderOf, joinPath } from "../../../io/files.js";
import { type Peeked, peekVolumeFrom } from "../../../io/peek.js";
import { canonicalGrid } from "../../../volume/orient.js";

/** One scan to be segmented. */
export interface ScanFiles {
  /** What its files are called without the channel's number and the format. */
  readonly name: string;
  /** One 4-D file, or one file a channel in their order. */
  readonly paths: readonly string[];
}

const image = /\.(nii|nii\.gz|hdr|png)$/i;
const ending = /\.(nii(\.gz)?|hdr(\.gz)?|img(\.gz)?|png)$/i;

/**
 * Scans from what was typed: files, folders of files, channels joined by commas. Files that end in `_0000`, `_0001` and
 * so on are the channels of one scan; any other file is a scan by itself, with all channels in it.
 *
 * Throws `not-found` that names the channel whose file is missing, `bad-data` for channels that there should not be.
 */
export async function gatherScans(
  files: FileSystem,
  given: readonly string[],
  channels: readonly string[],
): Promise<ScanFiles[]> {
  if (given.length === 0)
    fail("bad-argument", { what: "no scan was given", fix: "Name the files to segment, or their folder" });
  const singles: string[] = [];
  const scans: ScanFiles[] = [];
  for (const one of given) {
    if (one.includes(",") && !(await isThere(files, one))) {
      const paths = one.split(",");
      scans.push({ name: nameOf(paths[0]!), paths });
      continue;
    }
    const entries = await files.list(one);
    if (entries === undefined) {
      singles.push(one);
      continue;
    }
    const inside = entries.filter(({ name, folder }) => !folder && image.test(name) && !name.startsWith("."));
    if (inside.length === 0)
      fail("not-found", {
        what: "the folder holds no image",
        where: one,
        expected: ".nii, .nii.gz, .hdr/.img or .png",
        found:
          entries.length === 0
            ? "nothing"
            : entries
                .slice(0, 5)
                .map(({ name }) => name)
                .join(", "),
        fix: entries.some(({ name }) => name === "imagesTs")
          ? `Give ${joinPath(one, "imagesTs")}`
          : "Give the folder that holds the scans themselves",
      });
    singles.push(...inside.map(({ name }) => joinPath(one, name)));
  }
  return [...scans, ...numbered(singles, channels)];
}

/** A comma may also be part of a name. */
function isThere(files: FileSystem, path: string): Promise<boolean> {
  return files.read(path, 1).then(
    () => true,
    async () => (await files.list(path)) !== undefined,
  );
}

/** `a_0000.nii.gz` → `a` and 0; no number: undefined. */
function split(path: string): { readonly key: string; readonly number?: number } {
  const stem = baseName(path).replace(ending, "");
  const [, own, digits] = /^(.+)_(\d{4})$/.exec(stem) ?? [];
  const folder = folderOf(path);
  if (own === undefined) return { key: joinPath(folder, stem) };
  return { key: joinPath(folder, own), number: Number(digits) };
}

function nameOf(path: string): string {
  return baseName(path)
    .replace(ending, "")
    .replace(/_\d{4}$/, "");
}

/** Files with numbers put together; a number that is no channel's, as a year, is part of a name. */
function numbered(paths: readonly string[], channels: readonly string[]): ScanFiles[] {
  const first = new Set(
    paths.flatMap((path) => {
      const { key, number } = split(path);
      return number === 0 || (number !== undefined && number < channels.length) ? [key] : [];
    }),
  );
  const groups = new Map<string, { path: string; number?: number }[]>();
  for (const path of paths) {
    const { key, number } = split(path);
    const together = number !== undefined && first.has(key);
    const place = together ? key : path;
    const members = groups.get(place) ?? [];
    groups.set(place, [...members, { path, ...(together ? { number } : {}) }]);
  }
  return [...groups.values()].map((members) => {
    const [one] = members;
    if (one!.number === undefined)
      return { name: baseName(one!.path).replace(ending, ""), paths: [one!.path] };
    return channelsOf(members as { path: string; number: number }[], channels);
  });
}

function channelsOf(
  members: readonly { readonly path: string; readonly number: number }[],
  channels: readonly string[],
): ScanFiles {
  const sorted = [...members].sort((a, b) => a.number - b.number);
  const [one] = sorted;
  channels.forEach((channel, at) => {
    if (sorted.some(({ number }) => number === at)) return;
    const example = one!.path.replace(/_\d{4}(?=\.)/, `_${String(at).padStart(4, "0")}`);
    fail("not-found", {
      what: `the scan has no file for channel ${at} (${channel})`,
      where: example,
      expected: `${channels.length} files: ${channels.join(", ")}`,
      found: sorted.map(({ path }) => baseName(path)).join(", "),
      fix: "Add the file; all channels that were trained with are needed",
    });
  });
  const extra = sorted.find(({ number }) => number >= channels.length);
  if (extra !== undefined)
    fail("bad-data", {
      what: "the scan has more channels than the network takes",
      where: extra.path,
      expected: `${channels.length}: ${channels.join(", ")}`,
      found: `${sorted.length} files`,
      fix: "Take the file away, or predict with a network that was trained with it",
    });
  const twice = sorted.find(({ number }, at) => number === sorted[at + 1]?.number);
  if (twice !== undefined)
    fail("bad-data", {
      what: `the scan has two files for channel ${twice.number}`,
      where: twice.path,
      found: sorted.map(({ path }) => baseName(path)).join(", "),
      fix: "Keep one of them",
    });
  return { name: nameOf(one!.path), paths: sorted.map(({ path }) => path) };
}

/**
 * The headers of a scan's files, checked before anything is predicted: channels together as many as the network takes,
 * all on one grid within 0.001 mm. Throws `bad-data` and `geometry` that name the file.
 */
export async function peekScan(
  files: FileSystem,
  { paths }: ScanFiles,
  channels: readonly string[],
): Promise<Peeked[]> {
  const peeked: Peeked[] = [];
  for (const path of paths) {
    const one = await peekVolumeFrom(files, path);
    if (peeked.length > 0) requireSameGrid(canonicalGrid(peeked[0]!), canonicalGrid(one), paths[0]!, path);
    peeked.push(one);
  }
  const found = peeked.reduce((sum, one) => sum + one.channels, 0);
  if (found !== channels.length)
    fail("bad-data", {
      what: `the scan has ${found} channel${found === 1 ? "" : "s"}`,
      where: paths.join(", "),
      expected: `${channels.length}: ${channels.join(", ")}`,
      found:
        paths.length > 1 ? `${paths.length} files` : `one file of ${found} volume${found === 1 ? "" : "s"}`,
      fix:
        found > channels.length
          ? "Give the volumes that the network was trained with, no others"
          : "Give one 4-D file, files that end in _0000, _0001 and so on, or files joined by commas",
    });
  return peeked;
}
