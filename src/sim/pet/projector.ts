import { type PetGeometry, requireImage, requireSinogram, sinogramLength } from "./geometry.js";
import { type Kernels, kernelsOver } from "./kernels.js";
import { buildTables, fourfold, positions, type Tables } from "./strips.js";

/** Every `step`-th view from `first` on: the ordered subsets of OSEM. */
export interface Views {
  readonly first: number;
  readonly step: number;
}

export const allViews: Views = { first: 0, step: 1 };

/** Line integrals of an image, and their adjoint. Neither keeps its arguments; results may be written `into` an array. */
export interface Projector {
  readonly geometry: PetGeometry;
  /**
   * Mean line integral over every bin, in image units times mm: the area that pixel and strip share over the strip's
   * width, times the pixel's value, summed. Bins of views that are not asked for are left alone (0 in a new array).
   */
  forward(image: Float32Array, views?: Views, into?: Float32Array): Float32Array;
  /** The transpose of `forward`: weights and rounding of positions are the same ones. Pixels out of view are 0. */
  back(sinogram: Float32Array, views?: Views, into?: Float32Array): Float32Array;
}

/** The kernels' memory: addresses in bytes, and arrays at some of them. */
interface Workspace {
  readonly kernels: Kernels;
  /** Of the pixels in view four values each: `fourfold` says whose. */
  readonly pixels: Float32Array;
  readonly four: Float32Array;
  /** Positions of the two views of a base, in `lead` unseen ones; one pair forward, one back. */
  readonly lead: number;
  readonly forward: readonly [Float32Array, Float32Array];
  readonly back: readonly [Float32Array, Float32Array];
  readonly row: Float32Array;
  readonly weights: Float32Array;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** By base: the first tap with a weight and how many there are, both multiples of 4. */
  readonly windows: readonly (readonly [from: number, count: number])[];
}

/**
 * A projector by strip areas: a pixel is a square of constant value, its shadow on a view a trapezoid, and a bin's
 * weight the part of the shadow within the bin. So every view holds the image's integral exactly, whatever the sizes
 * of pixels and bins (strips as in Lo 1988; De Man & Basu 2004 compare the rules).
 *
 * All pixels have the same shadow on a view. So a view is made in two steps: every pixel is shared out between the two
 * nearest of 16 positions in a bin, which keeps its sum and its place; then the shadow is laid over all positions at
 * once. Backwards the same in reverse, so that each is the other's transpose.
 *
 * A pixel's position on a view is the mirror image of the opposite pixel's, and on the view 90 degrees on that of the
 * pixel turned by 90 degrees: so four pixels are shared out at a time, by WebAssembly's vectors of four floats.
 */
export function buildProjector(geometry: PetGeometry): Projector {
  const tables = buildTables(geometry);
  const order = fourfold(geometry.imageSize, tables.rows);
  const space = workspaceFor(geometry, tables, order.length);
  const { bases } = tables;
  const { views: count, bins } = geometry;
  return {
    geometry,
    forward(image, views = allViews, into) {
      requireImage(image, geometry, "an image to be projected");
      const out = into ?? new Float32Array(sinogramLength(geometry));
      requireSinogram(out, geometry, "the sinogram to write into");
      takeFourfold(image, order, space.pixels);
      for (let base = 0; base < bases; base++) {
        const wanted = viewsOf(base, bases, count, views);
        if (wanted.length === 0) continue;
        shareOut(tables, space, base);
        for (const view of wanted) {
          castShadow(tables, space, base, view < bases ? 0 : 1, bins);
          out.set(space.row, view * bins);
        }
      }
      return out;
    },
    back(sinogram, views = allViews, into) {
      requireSinogram(sinogram, geometry, "a sinogram to be projected back");
      const out = into ?? new Float32Array(geometry.imageSize ** 2);
      requireImage(out, geometry, "the image to write into");
      space.pixels.fill(0);
      for (let base = 0; base < bases; base++) {
        const wanted = viewsOf(base, bases, count, views);
        if (wanted.length === 0) continue;
        for (const half of space.back) half.fill(0);
        for (const view of wanted) {
          space.row.set(sinogram.subarray(view * bins, (view + 1) * bins));
          averageShadow(tables, space, base, view < bases ? 0 : 1, bins);
        }
        spreadBack(tables, space, base);
      }
      out.fill(0);
      addFourfold(space.pixels, order, out);
      return out;
    },
  };
}

/** Four pixels next to each other, as `order` has them. */
function takeFourfold(image: Float32Array, order: Int32Array, pixels: Float32Array): void {
  for (let n = 0; n < order.length; n++) {
    const pixel = order[n]!;
    pixels[n] = pixel < 0 ? 0 : image[pixel]!;
  }
}

function addFourfold(pixels: Float32Array, order: Int32Array, image: Float32Array): void {
  for (let n = 0; n < order.length; n++) {
    const pixel = order[n]!;
    if (pixel >= 0) image[pixel] = image[pixel]! + pixels[n]!;
  }
}

/** The views of a base that are asked for: itself, and where views are even the one 90 degrees on. */
function viewsOf(base: number, bases: number, count: number, { first, step }: Views): number[] {
  const both = bases < count ? [base, base + bases] : [base];
  return both.filter((view) => view >= first && (view - first) % step === 0);
}

function workspaceFor({ bins }: PetGeometry, tables: Tables, pixels: number): Workspace {
  const { middle, first, taps, weights, starts, rows } = tables;
  const lead = Math.max(0, -first);
  const fine = lead + Math.max(2 * middle + 1, first + positions * (bins - 1) + taps);
  const four = 4 * (2 * middle + 2);
  const sizes = [pixels, four, fine, fine, fine, fine, bins, weights.length, starts.length, rows.length / 2];
  const aligned = sizes.map((size) => 4 * Math.ceil(size / 4));
  const total = 4 * aligned.reduce((sum, size) => sum + size, 0);
  const memory = new WebAssembly.Memory({ initial: Math.ceil(total / 65536) });
  let at = 0;
  const place = (index: number): number => {
    const from = at;
    at += 4 * aligned[index]!;
    return from;
  };
  const floats = (index: number): Float32Array =>
    new Float32Array(memory.buffer, place(index), sizes[index]!);
  const integers = (index: number): Int32Array => new Int32Array(memory.buffer, place(index), sizes[index]!);
  const space: Workspace = {
    kernels: kernelsOver(memory),
    pixels: floats(0),
    four: floats(1),
    lead,
    forward: [floats(2), floats(3)],
    back: [floats(4), floats(5)],
    row: floats(6),
    weights: floats(7),
    starts: integers(8),
    lengths: integers(9),
    windows: Array.from({ length: tables.bases }, (_, base) => windowOf(weights, base * taps, taps)),
  };
  space.weights.set(weights);
  space.starts.set(starts);
  space.lengths.set(Int32Array.from(space.lengths, (_, j) => Math.max(0, rows[2 * j + 1]! - rows[2 * j]!)));
  return space;
}

/** The weights that are not 0, by fours. */
function windowOf(weights: Float32Array, from: number, taps: number): readonly [number, number] {
  let low = 0;
  let high = taps;
  while (low < high && weights[from + low] === 0) low++;
  while (high > low && weights[from + high - 1] === 0) high--;
  low -= low % 4;
  return [low, 4 * Math.ceil((high - low) / 4)];
}

function shareOut({ advance, middle }: Tables, space: Workspace, base: number): void {
  const { kernels, four, pixels, forward, lead, lengths } = space;
  four.fill(0);
  const starts = space.starts.byteOffset + 4 * base * lengths.length;
  kernels.share(
    pixels.byteOffset,
    four.byteOffset,
    starts,
    lengths.byteOffset,
    lengths.length,
    advance[base]!,
  );
  const [first, second] = forward.map(({ byteOffset }) => byteOffset + 4 * lead) as [number, number];
  kernels.fold(four.byteOffset, first, second, 2 * middle + 1);
}

function spreadBack({ advance, middle }: Tables, space: Workspace, base: number): void {
  const { kernels, four, pixels, back, lead, lengths } = space;
  const [first, second] = back.map(({ byteOffset }) => byteOffset + 4 * lead) as [number, number];
  kernels.unfold(four.byteOffset, first, second, 2 * middle + 1);
  const starts = space.starts.byteOffset + 4 * base * lengths.length;
  kernels.spread(
    pixels.byteOffset,
    four.byteOffset,
    starts,
    lengths.byteOffset,
    lengths.length,
    advance[base]!,
  );
}

function castShadow(
  { first, taps }: Tables,
  space: Workspace,
  base: number,
  half: 0 | 1,
  bins: number,
): void {
  const [from, count] = space.windows[base]!;
  const fine = space.forward[half].byteOffset + 4 * (space.lead + first + from);
  const weights = space.weights.byteOffset + 4 * (base * taps + from);
  space.kernels.cast(fine, weights, space.row.byteOffset, bins, count, 4 * positions);
}

function averageShadow(
  { first, taps }: Tables,
  space: Workspace,
  base: number,
  half: 0 | 1,
  bins: number,
): void {
  const [from, count] = space.windows[base]!;
  const fine = space.back[half].byteOffset + 4 * (space.lead + first + from);
  const weights = space.weights.byteOffset + 4 * (base * taps + from);
  space.kernels.average(fine, weights, space.row.byteOffset, bins, count, 4 * positions);
}
