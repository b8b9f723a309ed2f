import { existsSync } from "node:fs";
import { fail } from "../core/errors.js";
import { suggestionFor } from "../core/suggest.js";
import { nodeFiles } from "../io/node.js";
import type { Device } from "../runtime/engine.js";
import { type SliceProfile, sliceProfiles } from "../sim/mr/profile.js";
import { systemOf } from "../systems/node.js";
import { configs } from "../systems/smore.js";
import { refuseSealedScans } from "../tasks/looks.node.js";
import { planScan, thicknessOf } from "../tasks/superresolution/acquisition.js";
import { type SuperresolutionConfig, withChanges } from "../tasks/superresolution/config.js";
import type { TrainSummary } from "../tasks/verbs.js";
import { showMm } from "../volume/affine.js";
import type { ImageVolume } from "../volume/volume.js";
import { optionName, requireOneOf } from "./command.js";
import { interruptible } from "./interrupt.js";
import { readMaskOf } from "./on-grid.js";
import { progressOn, shareProgress, trainingProgress } from "./progress.js";
import type { Shell } from "./shell.js";

/** Options of `gyrus superres` that belong to SMORE. */
export interface SmoreOptions {
  readonly out: string;
  readonly targetMm?: number;
  readonly force?: boolean;
  readonly acquisition?: string;
  readonly thickness?: number;
  readonly gap?: number;
  readonly profile?: string;
  readonly mask?: string;
  readonly preset?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly minutes?: number;
  readonly seed?: number;
  readonly run?: string;
  readonly resume?: boolean;
  readonly threads?: number;
  readonly device?: Device;
}

/** What only a training wants to know. */
const ofTraining = [
  "acquisition",
  "thickness",
  "gap",
  "profile",
  "mask",
  "preset",
  "set",
  "minutes",
  "seed",
  "run",
  "resume",
] as const satisfies readonly (keyof SmoreOptions)[];

/** Throws `bad-argument` for an option of SMORE beside another method. */
export function requireNoTraining(method: string, options: SmoreOptions, more: readonly string[] = []): void {
  const given: Readonly<Record<string, unknown>> = { ...options };
  const stray = [...ofTraining, ...more].find((name) => given[name] !== undefined);
  if (stray !== undefined)
    fail("bad-argument", {
      what: `${optionName(stray)} means nothing to ${method}`,
      where: optionName(stray),
      fix: "Leave it out, or choose --method smore",
    });
}

/** Throws `not-found` and `bad-argument` unless a path is a run or an `.onnx` file of super-resolution. */
export async function requireSmoreRun(method: string, methods: readonly string[]): Promise<void> {
  const isModel = (await nodeFiles.list(method)) !== undefined || method.endsWith(".onnx");
  if (!isModel)
    fail("not-found", {
      what: `there is no method "${method}"`,
      where: "--method",
      expected: `${methods.join(", ")}, or the folder of a run`,
      fix: suggestionFor(method, methods),
    });
  const { task, name } = await systemOf(method);
  if (task !== "superresolution")
    fail("bad-argument", {
      what: `the model is of ${name}, which makes nothing sharper`,
      where: method,
      expected: "a run of gyrus train smore",
      found: `task ${task}`,
    });
}

export interface SmoreAnswer {
  /** Absent where it was interrupted. */
  readonly image?: ImageVolume;
  readonly training?: TrainSummary;
  /** A run folder to be removed once the result is written. */
  readonly spentRun?: string;
  readonly facts: Readonly<Record<string, unknown>>;
  /** What was taken for granted, to be said beside the result. */
  readonly words: readonly string[];
}

/** Apply a run that has been trained. */
export async function byRun(
  shell: Shell,
  scan: ImageVolume,
  path: string,
  method: string,
  { force = false, threads, device }: SmoreOptions,
): Promise<SmoreAnswer> {
  const { openModelAt } = await import("../tasks/superresolution/network.node.js");
  const { superresolve } = await import("../tasks/superresolution/apply.js");
  await refuseSealedScans(method, [path]);
  const network = await openModelAt(method, { threads, device });
  const progress = progressOn(shell);
  const show = shareProgress(progress);
  try {
    const image = await interruptible(shell, "Stopping; nothing is written.", (signal) =>
      superresolve(network, scan, {
        force,
        where: path,
        signal,
        onProgress: (fraction) => show({ fraction, what: "applying the networks" }),
      }),
    );
    return { image, facts: {}, words: [] };
  } finally {
    progress.stop();
    await network.close();
  }
}

/** Train on the scan and apply. */
export async function bySmore(
  shell: Shell,
  scan: ImageVolume,
  path: string,
  options: SmoreOptions,
): Promise<SmoreAnswer> {
  const { force = false, seed = 1, threads, device, minutes, resume = false } = options;
  const preset = options.preset ?? "small";
  requireOneOf("--preset", preset, Object.keys(configs));
  const { config, sliceMm, thicknessMm, words } = configFor(scan, path, preset, options);
  const mask = options.mask === undefined ? undefined : await readMaskOf(scan, path, options.mask);
  const runDir = options.run ?? defaultRun(options.out);
  if (!resume && existsSync(runDir))
    fail("exists", {
      what: "a training is there already, perhaps one that was interrupted",
      where: runDir,
      fix: "Go on with it by --resume, remove the folder, or name another with --run",
    });
  for (const line of words) shell.say(line);
  const { superresolveScan } = await import("../tasks/superresolution/scan.node.js");
  const progress = progressOn(shell);
  const show = shareProgress(progress);
  const { image, training } = await interruptible(shell, "Stopping after this step, then saving.", (signal) =>
    superresolveScan({
      scan,
      path,
      preset,
      config,
      seed,
      runDir,
      resume,
      minutes,
      threads,
      device,
      mask,
      force,
      signal,
      onTraining: trainingProgress(progress),
      onApplying: (fraction) => show({ fraction, what: "applying the networks" }),
    }),
  ).finally(progress.stop);
  const { acquisition, profile } = config;
  const facts = { acquisition, profile, sliceMm, thicknessMm, steps: training.steps, seed };
  return {
    ...(image === undefined ? {} : { image }),
    ...(options.run === undefined ? { spentRun: runDir } : {}),
    training,
    facts,
    words,
  };
}

/** The preset for a scan, with what is known of its slices, and what had to be assumed. */
function configFor(
  scan: ImageVolume,
  path: string,
  preset: string,
  options: SmoreOptions,
): {
  readonly config: SuperresolutionConfig;
  readonly sliceMm: number;
  readonly thicknessMm: number;
  readonly words: readonly string[];
} {
  const base = withChanges(configs[preset as keyof typeof configs], options.set ?? {});
  const acquisition = options.acquisition ?? base.acquisition;
  requireOneOf("--acquisition", acquisition, ["2d", "3d"]);
  const profile = options.profile ?? base.profile;
  requireOneOf("--profile", profile, sliceProfiles);
  const { thickness = base.thicknessMm ?? undefined, gap, force = false } = options;
  const targetMm = options.targetMm ?? base.targetMm;
  const ofSlices = Object.entries({ thickness, gap, profile: options.profile });
  const stray = ofSlices.find(([, value]) => value !== undefined)?.[0];
  if (acquisition === "3d" && stray !== undefined)
    fail("bad-argument", {
      what: `--${stray} means nothing to a 3-D acquisition, which has no slices`,
      where: "--acquisition",
      fix: "Leave it out, or choose --acquisition 2d",
    });
  const { sliceMm } = planScan(scan, { targetMm, force, where: path });
  const thicknessMm = thicknessOf(sliceMm, { thicknessMm: thickness, gapMm: gap, where: path });
  const known = thickness !== undefined || gap !== undefined;
  const words =
    known || acquisition === "3d"
      ? []
      : [
          `Slices are taken to be ${showMm([sliceMm])} mm thick, without gaps between them: the file does not say (--thickness, --gap).`,
        ];
  return {
    config: {
      ...base,
      acquisition: acquisition as "2d" | "3d",
      profile: profile as SliceProfile,
      targetMm,
      thicknessMm: known ? thicknessMm : null,
    },
    sliceMm,
    thicknessMm,
    words,
  };
}

/** `T2w_iso.nii.gz` → `T2w_iso_smore`, beside it. */
function defaultRun(out: string): string {
  return `${out.replace(/\.(nii(\.gz)?|hdr|img)$/i, "")}_smore`;
}
