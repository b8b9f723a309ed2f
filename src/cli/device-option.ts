import { Option } from "commander";
import { devices } from "../runtime/engine.js";

/** Where to compute; a word that is no device is refused with the list of them. */
export function deviceOption(): Option {
  return new Option(
    "--device <name>",
    "where to compute; default: cpu; gyrus doctor shows what works here",
  ).choices([...devices]);
}
