import type { Part } from "./types.js";

const parts: readonly (readonly [Part, RegExp])[] = [
  ["train", /^(train(ing)?|tr|imagestr|fit|development|dev_train)$/i],
  ["validation", /^(val(id(ation)?)?|dev|tune|tuning)$/i],
  ["test", /^(test(ing)?|ts|imagests|hold-?out|held-?out|eval(uation)?|final)$/i],
];

/** The side of a split that a word names: "Training", "val", "imagesTs". */
export function partOfWord(word: string): Part | undefined {
  const plain = word.trim().replace(/[_-]?(set|data|images?|slices?|split)$/i, "");
  return parts.find(([, pattern]) => pattern.test(word.trim()) || pattern.test(plain))?.[0];
}

/** The side of a split that a file lies in: by the first folder on its way that is called so. */
export function partOfPath(path: string): Part | undefined {
  for (const folder of path.split("/").slice(0, -1)) {
    const part = partOfWord(folder);
    if (part !== undefined) return part;
  }
  return undefined;
}

/** The folder below the side of the split: how classes are kept apart where no table does. */
export function classOfPath(path: string): string | undefined {
  const folders = path.split("/").slice(0, -1);
  const rest = folders.filter(
    (folder) => partOfWord(folder) === undefined && !/^(sub|ses)-|^(anat|images?|slices?)$/i.test(folder),
  );
  return rest.at(-1);
}

/** How the field's archives write whose image it is. */
const patterns: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["BIDS", /(sub-[a-zA-Z0-9]+)/],
  ["OASIS-1 and 2", /(OAS[12]_\d{4})/i],
  ["OASIS-3", /(OAS3\d{4})/i],
  ["ADNI", /(\d{3}_S_\d{4,5})/i],
  ["IXI", /(IXI\d{3})/i],
  ["subject or patient", /(?:^|[/_\-. ])((?:subject|subj|patient|pat|person)[_\- ]?\d+)/i],
];

/** Whose image a file is, where its name or a folder says so in a way that an archive uses; else nothing. */
export function subjectOfPath(path: string): string | undefined {
  for (const [, pattern] of patterns) {
    const found = pattern.exec(path)?.[1];
    if (found !== undefined) return found.replace(/[\s]/g, "-");
  }
  return undefined;
}

/** In which archives' ways `subjectOfPath` finds identifiers. */
export const knownIdentifiers = patterns.map(([name]) => name).join(", ");
