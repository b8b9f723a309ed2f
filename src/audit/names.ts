import type { Part } from "./types.js";

/** Words that mean a side wherever they stand: "train1", "AD_test", "Validation set". */
const words: readonly (readonly [Part, RegExp])[] = [
  ["train", /^(train(ing)?|trainval)$/],
  ["validation", /^val(id(ation)?)?$/],
  ["test", /^test(ing)?$/],
];

/** Words that mean one only where nothing else is said: folders may be called so for other reasons. */
const wordsAlone: readonly (readonly [Part, RegExp])[] = [
  ["train", /^((images)?tr|fit|development)$/],
  ["validation", /^(dev|tune|tuning)$/],
  ["test", /^((images)?ts|hold ?out|held ?out|eval(uation)?|final)$/],
];

/** "imagesTr", "Train_Set1" and "AD-train" as words in small letters, without numbers and what only says that they are images. */
function wordsIn(text: string): string[] {
  return text
    .replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
    .toLowerCase()
    .replace(/train(ing)?[^\p{L}]*val(id(ation)?)?(?!\p{L})/gu, "trainval")
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== "" && !/^(set|data|dataset|images?|slices?|split)$/.test(word));
}

/** The side that a word names by a word of its own, "Training", "val", "imagesTs"; of two sides at once neither. */
function surePart(text: string): Part | undefined {
  const found = wordsIn(text).flatMap((word) => words.find(([, pattern]) => pattern.test(word))?.[0] ?? []);
  return new Set(found).size === 1 ? found[0] : undefined;
}

const likelyPart = (text: string): Part | undefined =>
  wordsAlone.find(([, pattern]) => pattern.test(wordsIn(text).join(" ")))?.[0];

/** The side of a split that a word names: "Training", "val", "imagesTs", "holdout". */
export const partOfWord = (word: string): Part | undefined => surePart(word) ?? likelyPart(word);

const foldersOf = (path: string): string[] => path.split("/").slice(0, -1);

/** Folders of subjects and sessions are called whatever people are called: "ses-test" is no side. */
const isSomebody = (folder: string): boolean =>
  /^(sub|ses)-/i.test(folder) || subjectOfPath(folder) !== undefined;

/** The side of a split that a file lies in: by the last folder on its way that is surely called so, else by the last that may be. */
export function partOfPath(path: string): Part | undefined {
  const folders = foldersOf(path)
    .filter((folder) => !isSomebody(folder))
    .reverse();
  for (const partOf of [surePart, likelyPart])
    for (const folder of folders) {
      const part = partOf(folder);
      if (part !== undefined) return part;
    }
  return undefined;
}

/** The folder above a side of a split that says which split of several it is: "fold3", "split_2", "cv1". */
export function splitOfPath(path: string): string | undefined {
  const folders = foldersOf(path);
  const side = folders.findIndex((folder) => surePart(folder) !== undefined);
  return folders
    .slice(0, Math.max(0, side))
    .find((folder) => /^(fold|split|cv|rep(eat)?|iter(ation)?|k)[ _-]*\d+$/i.test(folder));
}

/** The folder below the side of the split: how classes are kept apart where no table does. */
export function classOfPath(path: string): string | undefined {
  const rest = foldersOf(path).filter(
    (folder) =>
      partOfWord(folder) === undefined && !isSomebody(folder) && !/^(anat|images?|slices?)$/i.test(folder),
  );
  return rest.at(-1);
}

/** How the field's archives write whose image it is. */
const patterns: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["BIDS", /(?<![a-z])(sub-[a-z0-9]+)/i],
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

/** One identifier however it is written: "sub-A1" and "SUB-A1", "subject_12" and "Subject 12", 7 and 7.0 as tables of numbers have it. */
export const identityOf = (subject: string): string =>
  subject
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, "-")
    .replace(/^(\d+)\.0+$/, "$1");
