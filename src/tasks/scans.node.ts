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
  const inside = async (folder: string): Promise<string[]> => {
    const found: string[] = [];
    for (const entry of (await nodeFiles.list(folder)) ?? []) {
      const path = `${folder}/${entry.name}`;
      const deeper = subjects && (/^(sub|ses)-/.test(entry.name) || entry.name === "anat");
      if (!entry.folder && scanName.test(entry.name)) found.push(path);
      else if (entry.folder && deeper) found.push(...(await inside(path)));
    }
    return found;
  };
  const scans: string[] = [];
  for (const path of given) {
    const found = (await nodeFiles.list(path)) === undefined ? [path] : await inside(path);
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
