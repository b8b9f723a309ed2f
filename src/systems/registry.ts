import { batchNorm } from "./batch-norm.js";
import { deeppet } from "./deeppet.js";
import { redWgan } from "./red-wgan.js";
import { segmentUnet } from "./segment-unet.js";
import type { ListedStudy, System } from "./system.js";

/** Every system there is: the command line's help, the report and the documentation come from this list. */
export const systems: readonly System[] = [deeppet, redWgan, segmentUnet];

/** Studies that belong to no system. */
export const studies: readonly ListedStudy[] = [batchNorm];
