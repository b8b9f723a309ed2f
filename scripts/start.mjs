// npm start: set up, then the whole of Gyrus once: simulate heads, train a network on them, judge it on heads
// that it has never seen, segment those, and write the report, whose path is the last line.
//
// Every step is a command that you can type yourself; it is shown before it runs. The simulated heads in demo/ are
// made once and used again; every start trains into a new folder, demo/run-1, demo/run-2 and so on.
// npm start -- --minutes 0.5 trains for half a minute instead.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root, setup } from "./setup.mjs";

const asked = process.argv.indexOf("--minutes");
const minutes = asked < 0 ? "2.5" : (process.argv[asked + 1] ?? "");

setup();
process.chdir(root);
mkdirSync("demo", { recursive: true });

cohort("demo/cohort", "16", "1");
cohort("demo/unseen", "4", "1001");
const run = nextRun();
gyrus(
  ...["train", "segment-unet", "--preset", "slices", "--data", "demo/cohort", "--out", run],
  ...["--minutes", minutes, "--seed", "1"],
);
gyrus("evaluate", run, "--data", "demo/unseen");
gyrus("predict", run, ...scans("demo/unseen"), "--out", `${run}/unseen`);
gyrus("report", run);

/** Simulated heads, made once. A data set is whole or absent, so being there is enough. */
function cohort(folder, subjects, seed) {
  if (existsSync(folder)) console.log(`\nUsing the heads in ${folder} again.`);
  else gyrus("simulate", "brain", "--out", folder, "--subjects", subjects, "--seed", seed);
}

function nextRun() {
  const numbers = readdirSync("demo").map((name) => Number(/^run-(\d+)$/.exec(name)?.[1] ?? 0));
  return `demo/run-${Math.max(0, ...numbers) + 1}`;
}

function scans(folder) {
  const subjects = readdirSync(folder).filter((name) => name.startsWith("sub-"));
  return subjects.map((name) => `${folder}/${name}/anat/${name}_T1w.nii.gz`);
}

/** Run one gyrus command as a user would, and stop here if it fails. */
function gyrus(...words) {
  console.log(`\n$ gyrus ${words.join(" ")}`);
  const bin = join(root, "dist", "cli", "main.js");
  const { status } = spawnSync(process.execPath, [bin, ...words], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 3);
}
