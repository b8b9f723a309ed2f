import { type PetStack, slicesOf, stackGrid } from "../../reconstruct/stack.js";
import { checkScan } from "../../sim/pet/model.js";
import { type ImageVolume, volume } from "../../volume/volume.js";
import { reconstructByNetwork, type SliceNetwork } from "./apply.js";

/** Reconstruct slice by slice with a network, as `reconstructStack` does by other methods. Slices without a count stay empty. */
export async function reconstructStackByNetwork(
  network: SliceNetwork,
  stack: PetStack,
  onSlice?: (done: number, total: number) => void,
): Promise<ImageVolume> {
  const { geometry, slices, sliceSpacingMm } = stack;
  const size = geometry.imageSize ** 2;
  const data = new Float32Array(size * slices);
  for (const [n, scan] of slicesOf(stack).entries()) {
    if (scan.prompts.some((value) => value !== 0)) {
      checkScan(scan, { counts: "signed" });
      const [image] = await reconstructByNetwork(network, [scan], () => `slice ${n + 1}`);
      data.set(image!, n * size);
    }
    onSlice?.(n + 1, slices);
  }
  return volume(data, stackGrid(geometry, slices, sliceSpacingMm));
}
