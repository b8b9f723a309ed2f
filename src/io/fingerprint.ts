import type { DataSet } from "./dataset.js";
import type { FileSystem } from "./files.js";

/** What a data set's files were when they were read: equal fingerprints mean equal bytes. */
export interface Fingerprint {
  /** SHA-256 over the cases' own, in the order of their ids. */
  readonly sha256: string;
  readonly cases: readonly { readonly id: string; readonly sha256: string }[];
}

/** SHA-256 of bytes, in hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Hash every image and label file of a data set as it lies on the disk. The channels' order and which file is
 * the label count; where the folder is and what files are called do not.
 */
export async function fingerprintFrom(
  files: FileSystem,
  { cases }: Pick<DataSet, "cases">,
): Promise<Fingerprint> {
  const hashed: { id: string; sha256: string }[] = [];
  for (const { id, images, label } of cases) {
    const parts: string[] = [];
    for (const path of images) parts.push(`image ${await sha256(await files.read(path))}`);
    if (label !== undefined) parts.push(`label ${await sha256(await files.read(label))}`);
    hashed.push({ id, sha256: await hashText(parts.join("\n")) });
  }
  hashed.sort((a, b) => (a.id < b.id ? -1 : 1));
  const all = hashed.map(({ id, sha256 }) => `${id} ${sha256}`).join("\n");
  return { sha256: await hashText(all), cases: hashed };
}

async function hashText(text: string): Promise<string> {
  return sha256(new TextEncoder().encode(text));
}
