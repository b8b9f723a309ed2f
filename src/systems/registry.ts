import { segmentUnet } from "./segment-unet.js";
import type { System } from "./system.js";

/** Every system there is: the command line's help, the report and the documentation come from this list. */
export const systems: readonly System[] = [segmentUnet];
