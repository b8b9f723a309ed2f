import { fail } from "../core/errors.js";
import { nodeFiles } from "../io/node.js";

const scanName = /\.(nii(\.gz)?|hdr)$/i;

/**
 * The scans that paths name: files as they are, folders by what they hold; with `subjects` also what the folders of
 * subjects and sessions inside hold (BIDS). Throws `not-found` and `bad-argument` for none.
 */
export async function scansOf(
  given: readonly string[],
  fix: string,
  { subjects = false }: { readonly subjects?: boolean } = {},
): Promise<string[]> {
  const scans: string[] = [];
  for (const path of given) {
    const inside = await filesIn(path, { subjects });
    const found = inside === undefined ? [path] : inside.filter((file) => scanName.test(file));
    if (found.length === 0)
      fail("not-found", {
        what: "the folder holds no scan",
        where: path,
        expected: ".nii, .nii.gz or .hdr/.img",
        fix: "Check the path, or name the files",
      });
    scans.push(...found);
  }
  if (scans.length === 0) fail("bad-argument", { what: "no scan was given", fix });
  return scans;
}

/** All files in a folder, with `subjects` in the folders of subjects and sessions inside as well; `undefined` for what is no folder. */
export async function filesIn(
  folder: string,
  { subjects }: { readonly subjects: boolean },
): Promise<string[] | undefined> {
  const entries = await nodeFiles.list(folder);
  if (entries === undefined) return undefined;
  const found: string[] = [];
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    const deeper = subjects && (/^(sub|ses)-/.test(entry.name) || entry.name === "anat");
    if (!entry.folder) found.push(path);
    else if (deeper) found.push(...((await filesIn(path, { subjects })) ?? []));
  }
  return found;
}
