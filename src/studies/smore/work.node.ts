import type { SuperresolutionConfig } from "../../tasks/superresolution/config.js";
import type { ImageVolume } from "../../volume/volume.js";
import { partThread } from "../parts.node.js";
import type { Head } from "./data.js";
import { axes, axisNames, type Extent, partIds } from "./plan.js";
import { restoreHead } from "./restore.node.js";
import { trainSegmentation, withSegmentation } from "./segmentation.node.js";

/** All that parts of the study work with. */
export interface StudySetup {
  /** Those of the test first, then those that the segmentation learns from. */
  readonly heads: readonly Head[];
  readonly realHead: ImageVolume | undefined;
  readonly extent: Extent;
  readonly config: SuperresolutionConfig;
  readonly seed: number;
  /** The study's. */
  readonly folder: string;
}

/** What each thread does: see `openParts`. */
export const start = partThread<StudySetup>((setup, signal) => {
  const { heads, realHead, extent, config, seed, folder } = setup;
  const how = { seed, config, folder, signal };
  return async (id) => {
    if (id === partIds.segmentation)
      return trainSegmentation(heads.slice(extent.test), extent, { folder, seed, signal });
    return withSegmentation(folder, async (segment) => {
      for (const thicknessMm of extent.thicknessesMm) {
        const at = { ...how, thicknessMm, segment };
        for (const [n, head] of heads.slice(0, extent.test).entries())
          if (id === partIds.simulated(n, thicknessMm))
            return restoreHead(id, head.image, {
              ...at,
              axis: 2,
              reference: head.tissues,
              label: { id: head.id, real: false, shown: n === 0 },
            });
        for (const axis of axes)
          if (realHead !== undefined && id === partIds.real(axis, thicknessMm))
            return restoreHead(id, realHead, {
              ...at,
              axis,
              label: { id: axisNames[axis], real: true, shown: axis === 2 },
            });
      }
      throw new RangeError(`no part ${id}`);
    });
  };
});
