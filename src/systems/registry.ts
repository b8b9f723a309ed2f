import { adSvm } from "./ad-svm.js";
import { adcnn } from "./adcnn.js";
import { audit } from "./audit.js";
import { batchNorm } from "./batch-norm.js";
import { deeppet } from "./deeppet.js";
import { nnunet } from "./nnunet.js";
import { redWgan } from "./red-wgan.js";
import { segmentUnet } from "./segment-unet.js";
import { smore } from "./smore.js";
import type { ListedStudy, System } from "./system.js";
import { voxcnn } from "./voxcnn.js";

/** Every system there is: the command line's help, the report and the documentation come from this list. */
export const systems: readonly System[] = [
  adSvm,
  adcnn,
  deeppet,
  nnunet,
  redWgan,
  segmentUnet,
  smore,
  voxcnn,
];

/** Studies that belong to no system. */
export const studies: readonly ListedStudy[] = [audit, batchNorm];
