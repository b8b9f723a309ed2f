/** For each output pixel, the first input sample it draws on and the weights of that and the following ones. */
interface Taps {
  readonly first: Int32Array;
  readonly weights: Float64Array[];
}

/** Linear interpolation between sample centres when enlarging, area averages when shrinking. */
function taps(from: number, to: number, mirror: boolean): Taps {
  const first = new Int32Array(to);
  const weights: Float64Array[] = [];
  const ratio = from / to;
  for (let p = 0; p < to; p++) {
    const q = mirror ? to - 1 - p : p;
    if (ratio <= 1) {
      const x = Math.min(from - 1, Math.max(0, (q + 0.5) * ratio - 0.5));
      const low = Math.min(Math.floor(x), Math.max(0, from - 2));
      first[p] = low;
      weights.push(from === 1 ? Float64Array.of(1) : Float64Array.of(1 - (x - low), x - low));
    } else {
      const start = q * ratio;
      const end = start + ratio;
      const low = Math.floor(start);
      const high = Math.min(from, Math.ceil(end - 1e-9));
      first[p] = low;
      const overlap = (i: number): number => (Math.min(end, i + 1) - Math.max(start, i)) / ratio;
      weights.push(Float64Array.from({ length: high - low }, (_, i) => overlap(low + i)));
    }
  }
  return { first, weights };
}

export interface Resize {
  readonly width: number;
  readonly height: number;
  readonly mirrorAcross: boolean;
  readonly mirrorDown: boolean;
}

/** Resize a row-major picture `[height, width]`: linear when enlarging, area average when shrinking. */
export function resizePicture(
  picture: Float32Array,
  width: number,
  height: number,
  to: Resize,
): Float32Array {
  const across = taps(width, to.width, to.mirrorAcross);
  const down = taps(height, to.height, to.mirrorDown);
  const rows = new Float32Array(height * to.width);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < to.width; x++) {
      const weights = across.weights[x]!;
      const start = y * width + across.first[x]!;
      let sum = 0;
      for (let t = 0; t < weights.length; t++) sum += weights[t]! * picture[start + t]!;
      rows[y * to.width + x] = sum;
    }
  const out = new Float32Array(to.height * to.width);
  for (let y = 0; y < to.height; y++) {
    const weights = down.weights[y]!;
    for (let x = 0; x < to.width; x++) {
      let sum = 0;
      for (let t = 0; t < weights.length; t++)
        sum += weights[t]! * rows[(down.first[y]! + t) * to.width + x]!;
      out[y * to.width + x] = sum;
    }
  }
  return out;
}

/** Resize a row-major picture of labels by its nearest sample: no label is ever mixed with another. */
export function resizeLabels(picture: Uint16Array, width: number, height: number, to: Resize): Uint16Array {
  const source = (p: number, from: number, extent: number, mirror: boolean): number =>
    Math.min(from - 1, Math.floor((((mirror ? extent - 1 - p : p) + 0.5) * from) / extent));
  const columns = Int32Array.from({ length: to.width }, (_, x) =>
    source(x, width, to.width, to.mirrorAcross),
  );
  const out = new Uint16Array(to.width * to.height);
  for (let y = 0; y < to.height; y++) {
    const row = source(y, height, to.height, to.mirrorDown) * width;
    for (let x = 0; x < to.width; x++) out[y * to.width + x] = picture[row + columns[x]!]!;
  }
  return out;
}
