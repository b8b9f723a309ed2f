import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rng } from "../../../src/core/rng.js";
import { writeVolume } from "../../../src/io/node.js";
import { affineFromColumns, scalingAffine } from "../../../src/volume/affine.js";
import type { Affine, Size3 } from "../../../src/volume/volume.js";

/** Two channels in one 4-D file, labels 3 and 7, thick slices, one scan with sheared axes. */
export async function writeSet(
  root: string,
  {
    names = ["a", "b", "c", "d"],
    scale = 1,
  }: { readonly names?: readonly string[]; readonly scale?: number } = {},
): Promise<void> {
  await Promise.all(["imagesTr", "labelsTr"].map((name) => mkdir(join(root, name), { recursive: true })));
  for (const [at, name] of names.entries()) {
    const size: Size3 = [scale * (20 + at), scale * 18, 9];
    const affine: Affine =
      name === "d"
        ? affineFromColumns([1, 0, 0], [0.1, 1, 0], [0, 0, 3.5], [0, 0, 0])
        : scalingAffine([1, 1.1, 3.5], [-9, -9, -9]);
    const random = rng(name);
    const count = size[0] * size[1] * size[2];
    const image = Float32Array.from({ length: 2 * count }, () => random.normal(50, 10));
    const label = new Uint8Array(count);
    for (let v = 0; v < count; v++) label[v] = v % size[0] > 12 * scale ? 7 : v % size[0] > 8 * scale ? 3 : 0;
    await writeVolume(join(root, `imagesTr/${name}.nii.gz`), { size, affine, channels: 2, data: image });
    await writeVolume(join(root, `labelsTr/${name}.nii.gz`), { size, affine, channels: 1, data: label });
  }
  const training = names.map((name) => ({
    image: `./imagesTr/${name}.nii.gz`,
    label: `./labelsTr/${name}.nii.gz`,
  }));
  const described = {
    name: "thick",
    modality: { "0": "FLAIR", "1": "CT" },
    labels: { "0": "background", "3": "left", "7": "right" },
    training,
  };
  await writeFile(join(root, "dataset.json"), JSON.stringify(described));
}
