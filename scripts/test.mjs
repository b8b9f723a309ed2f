// npm test: set up, lint, check types, run every test, in a browser too. The last line is "N passed, N failed, N skipped".
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBrowser } from "./browser.mjs";
import { setup, tool } from "./setup.mjs";

setup();
const browser = ensureBrowser();

/** Checks that are not tests of their own; each that fails counts as one failure. */
const checks = [
  ["Formatting and lint", "@biomejs/biome", "biome", ["check", "."]],
  ["Types", "typescript", "tsc", ["-p", "tsconfig.json"]],
];
let failedChecks = 0;
for (const [title, name, command, words] of checks) {
  console.log(`\n${title} …`);
  if (tool(name, command, words) !== 0) failedChecks++;
}

const folder = mkdtempSync(join(tmpdir(), "gyrus-test-"));
const results = join(folder, "results.json");
console.log("\nTests …");
const words = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
const status = tool("vitest", "vitest", [...words, ...process.argv.slice(2)]);
const { passed, failed, skipped, titles } = count(results);
rmSync(folder, { recursive: true, force: true });

// A test run that dies without a failed test (a worker lost, a file that does not load) is a failure too.
const failures = failed + failedChecks + (status !== 0 && failed === 0 ? 1 : 0);
if (titles.length > 0) console.log(`\nSkipped:\n${titles.map((title) => `  ${title}`).join("\n")}`);
if (browser.path === undefined)
  console.log(
    `\nTHE BROWSER TESTS WERE SKIPPED: ${browser.reason}.\nInstall Chromium, Chrome or Edge, or set CHROMIUM to the path of one, and run npm test again.`,
  );
console.log(`\n${passed} passed, ${failures} failed, ${skipped} skipped`);
process.exitCode = failures === 0 ? 0 : 1;

function count(path) {
  try {
    const found = JSON.parse(readFileSync(path, "utf8"));
    const broken = found.testResults.filter(
      (file) => file.status === "failed" && file.assertionResults.length === 0,
    );
    const left = found.testResults
      .flatMap((file) => file.assertionResults)
      .filter(({ status }) => status === "pending" || status === "skipped");
    return {
      titles: left.map(({ fullName }) => fullName),
      passed: found.numPassedTests,
      failed: found.numFailedTests + broken.length,
      skipped: found.numPendingTests + (found.numTodoTests ?? 0),
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0, titles: [] };
  }
}
