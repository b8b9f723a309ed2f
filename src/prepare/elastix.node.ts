/** Affine registration by elastix (Klein et al. 2010) on WebAssembly, in Node. */
import { fail } from "../core/errors.js";
import { applyAffine, multiplyAffines, type Point3, scalingAffine } from "../volume/affine.js";
import { resampleTo } from "../volume/resample.js";
import type { Affine, Grid, ImageVolume } from "../volume/volume.js";
import { centreOfMassMm, coarseGrid } from "./align.js";

type Library = typeof import("@itk-wasm/elastix");
type ElastixImage = NonNullable<NonNullable<Parameters<Library["elastixNode"]>[1]>["fixed"]>;

export interface RegistrationOptions {
  /** Voxels that both images are compared in. Default 4 mm, which is enough for twelve parameters. */
  readonly spacingMm?: number;
  /** Steps of each resolution. Default 256. */
  readonly iterations?: number;
}

/**
 * Where every place of `fixed` lies in `moving`: world millimetres to world millimetres, affine. Mutual information
 * (Mattes et al. 2003) over three resolutions, by adaptive stochastic gradient descent (Klein et al. 2009) from
 * centres of mass laid on each other. Its samples are drawn from a seed of its own: the same images give the same
 * answer. Throws `unsupported` where the library is not installed, `runtime` where it fails.
 */
export async function registerAffine(
  moving: ImageVolume,
  fixed: ImageVolume,
  { spacingMm = 4, iterations = 256 }: RegistrationOptions = {},
): Promise<Affine> {
  const { defaultParameterMapNode, elastixNode } = await library();
  const [from, to] = [centreOfMassMm(moving), centreOfMassMm(fixed)];
  const still = onAxes(fixed, coarseGrid(fixed, spacingMm));
  const shifted = onAxes(moving, coarseGrid(moving, spacingMm));
  const shift = to.map((mm, axis) => mm - from[axis]!) as unknown as Point3;
  const { parameterMap } = await defaultParameterMapNode("affine", { numberOfResolutions: 3 });
  const settings = {
    ...(parameterMap as Record<string, readonly string[]>),
    MaximumNumberOfIterations: [`${iterations}`],
    AutomaticTransformInitialization: ["false"],
    WriteResultImage: ["false"],
    RandomSeed: ["121212"],
  };
  let found: unknown;
  try {
    const result = await elastixNode([settings] as Parameters<Library["elastixNode"]>[0], {
      fixed: asItk(still, [0, 0, 0]),
      moving: asItk(shifted, shift),
    });
    found = result.transformParameterObject;
  } catch (cause) {
    fail("runtime", {
      what: "elastix could not register the images",
      found: cause instanceof Error ? cause.message.slice(0, 200) : String(cause),
      fix: "Look at the scan: it may hold no head, or only a part of one",
      cause,
    });
  }
  return multiplyAffines(translation(shift.map((mm) => -mm) as unknown as Point3), transformOf(found));
}

async function library(): Promise<Library> {
  try {
    return await import("@itk-wasm/elastix");
  } catch (cause) {
    return fail("unsupported", {
      what: "the library that registers images is not installed",
      where: "@itk-wasm/elastix",
      expected: "the optional dependency of gyrus",
      fix: "Install it: npm install @itk-wasm/elastix, or prepare registered data with --registered",
      cause,
    });
  }
}

/** Voxels along the world's axes: ITK knows no sheared grids, and its directions would only be carried along. */
function onAxes(image: ImageVolume, grid: Grid): ImageVolume {
  return resampleTo(image, grid);
}

/** Both images in RAS coordinates: ITK calls its own LPS, but what maps one to the other does not care. */
function asItk({ data, size, affine }: ImageVolume, shift: Point3): ElastixImage {
  return {
    imageType: { dimension: 3, componentType: "float32", pixelType: "Scalar", components: 1 },
    name: "image",
    origin: [affine[3]! + shift[0], affine[7]! + shift[1], affine[11]! + shift[2]],
    spacing: [affine[0]!, affine[5]!, affine[10]!],
    direction: Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
    size: [...size],
    metadata: new Map(),
    data,
  } as ElastixImage;
}

/** elastix's twelve parameters about a centre, as a matrix. */
function transformOf(found: unknown): Affine {
  const [map] = Array.isArray(found) ? (found as Record<string, readonly string[]>[]) : [];
  const p = map?.TransformParameters?.map(Number) ?? [];
  const c = map?.CenterOfRotationPoint?.map(Number) ?? [];
  if (p.length !== 12 || c.length !== 3 || ![...p, ...c].every(Number.isFinite))
    fail("runtime", {
      what: "elastix gave no affine transform",
      expected: "twelve parameters and a centre",
      found: JSON.stringify(found)?.slice(0, 200) ?? "nothing",
    });
  const linear = [p[0]!, p[1]!, p[2]!, 0, p[3]!, p[4]!, p[5]!, 0, p[6]!, p[7]!, p[8]!, 0, 0, 0, 0, 1];
  const turned = applyAffine(linear, c as unknown as Point3);
  const [x, y, z] = [0, 1, 2].map((axis) => p[9 + axis]! + c[axis]! - turned[axis]!) as [
    number,
    number,
    number,
  ];
  return linear.map((value, at) => (at === 3 ? x : at === 7 ? y : at === 11 ? z : value));
}

function translation(mm: Point3): Affine {
  return scalingAffine([1, 1, 1], mm);
}
