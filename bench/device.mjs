// Where our side of the benchmark can run.
import { listBackends, tryBackend } from "../dist/runtime/backends.node.js";

/** Devices that Gyrus's engine in Node can be told to use. */
const supported = ["cpu"];

/** Why a device cannot be used; undefined when it can. Nothing else is used instead. */
export async function requireDevice(name) {
  const known = listBackends().map((backend) => backend.name);
  if (!known.includes(name)) return `--device ${name}: this machine's engine knows ${known.join(", ")}`;
  const { works, reason } = await tryBackend(name);
  if (!works) return `--device ${name} does not work on this machine: ${reason}`;
  if (!supported.includes(name)) return `--device ${name}: Gyrus cannot run training steps there yet`;
  return undefined;
}
