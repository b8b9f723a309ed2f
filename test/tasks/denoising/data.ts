/** Settings that make a denoising run quick: narrow networks, small patches, all terms of the loss. */
export const quickNoise: Readonly<Record<string, string>> = {
  "network.widths": "4,8",
  "critic.widths": "[4]",
  "critic.steps": "2",
  "features.widths": "[4]",
  "loss.perceptual": "0.001",
  patch: "8,8,8",
  window: "16,16,16",
  batch: "2",
  average: "0.9",
  stepsPerEpoch: "2",
  validations: "2",
};
