/** What of Gyrus needs a browser: its files and its engines. The rest is in `gyrus`. */
export { webFiles } from "./io/web.js";
export { type WebDevice, webGpu, webWasm } from "./runtime/web.js";
