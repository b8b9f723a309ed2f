import { fail } from "../../core/errors.js";
import type { Tensor } from "../../core/tensor.js";
import { sha256 } from "../../io/fingerprint.js";
import { nodeFiles } from "../../io/node.js";
import { encodeSafetensors } from "../../io/safetensors.js";
import { weightsOf } from "../../train/step.js";
import { bestCheckpoint } from "../run-folder.node.js";
import { readRun as readSegmentationRun } from "../segmentation/folder.node.js";
import type { DenoisingConfig } from "./config.js";
import { type FeatureOptions, randomFeatures } from "./model.js";

/** What judges the perceptual term. */
export interface Features {
  readonly options: FeatureOptions;
  /** Of the training's state; empty: random ones, drawn with the other first values. */
  readonly weights: Readonly<Record<string, Tensor>>;
  /** In words, for the record; null: nothing judges. */
  readonly described: string | null;
  readonly sha256: string | null;
}

/**
 * The judge that a configuration asks for. Throws `not-found` and `bad-data` for a run of segment-unet that is none, or
 * whose network cannot judge: without instance norm it would depend on how patches are scaled.
 */
export async function loadFeatures(config: DenoisingConfig): Promise<Features> {
  const { features, loss } = config;
  const none = { options: randomFeatures(config), weights: {}, sha256: null };
  if (loss.perceptual === 0) return { ...none, described: null };
  if (features.run === null)
    return {
      ...none,
      described: `random filters, never trained: ${features.widths.join("-")} channels, each level after one 3-D convolution, instance norm and leaky ReLU`,
    };
  const run = await readSegmentationRun(features.run);
  const { network, dimensions } = run.config;
  if (dimensions !== 3 || network.norm !== "instance" || run.model.channels.length !== 1)
    fail("bad-data", {
      what: "this network cannot judge how alike two patches are",
      where: features.run,
      expected: "a 3-D segment-unet of one channel with instance norm, such as the presets tiny and small",
      found: `${dimensions}-D, ${network.norm} norm, ${run.model.channels.length} channel(s)`,
    });
  const widths = network.widths.slice(0, features.levels);
  const kept = new RegExp(`^parameter/encoder[0-${widths.length - 1}]\\.`);
  const { state } = await bestCheckpoint(features.run);
  const weights = Object.fromEntries(
    Object.entries(weightsOf(state))
      .filter(([name]) => kept.test(name))
      .map(([name, value]) => [name.replace("parameter/", "parameter/features."), value]),
  );
  return {
    options: { ...network, widths, dimensions: 3, padding: "same", dropout: 0 },
    weights,
    sha256: await sha256(encodeSafetensors(weights)),
    described: `the first ${widths.length} levels (${widths.join("-")} channels) of the encoder of ${run.system} ${run.preset}, trained by Gyrus to label ${run.model.labels.map(({ name }) => name).join(", ")} in ${run.data.name}`,
  };
}

/** Whether the run that judges is still there, before anything is read. */
export async function requireFeatures({ features, loss }: DenoisingConfig): Promise<void> {
  if (loss.perceptual > 0 && features.run !== null && (await nodeFiles.list(features.run)) === undefined)
    fail("not-found", {
      what: "the run whose features judge is not there",
      where: features.run,
      fix: "Train one with gyrus train segment-unet, or use random filters: --set features.run=null",
    });
}
