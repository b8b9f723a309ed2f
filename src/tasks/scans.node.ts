import { fail } from "../core/errors.js";
import { nodeFiles } from "../io/node.js";

/** The scans that paths name: files as they are, folders by what they hold. Throws `not-found` and `bad-argument` for none. */
export async function scansOf(given: readonly string[], fix: string): Promise<string[]> {
  const scans: string[] = [];
  for (const path of given) {
    const entries = await nodeFiles.list(path);
    if (entries === undefined) {
      scans.push(path);
      continue;
    }
    const inside = entries.filter(({ name, folder }) => !folder && /\.(nii(\.gz)?|hdr)$/i.test(name));
    if (inside.length === 0)
      fail("not-found", {
        what: "the folder holds no scan",
        where: path,
        expected: ".nii, .nii.gz or .hdr/.img",
      });
    scans.push(...inside.map(({ name }) => `${path}/${name}`));
  }
  if (scans.length === 0) fail("bad-argument", { what: "no scan was given", fix });
  return scans;
}
