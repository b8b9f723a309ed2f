/** A browser that starts and the environment it wants, or why there is none. */
export type FoundBrowser =
  | { readonly path: string; readonly env: Readonly<Record<string, string>>; readonly reason?: undefined }
  | { readonly path?: undefined; readonly reason: string };

export function findBrowser(): FoundBrowser;
export function ensureBrowser(): FoundBrowser;
