/**
 * Signed distances in millimetres, negative inside, of the few solids that anatomy is built from. The blends
 * are the polynomial smooth minimum, so that a joined shape bulges where its parts meet and has no crease.
 */

/** Approximate signed distance to an axis-aligned ellipsoid: exact at the surface, a good bound near it. */
export function ellipsoid(x: number, y: number, z: number, rx: number, ry: number, rz: number): number {
  const a = x / rx;
  const b = y / ry;
  const c = z / rz;
  const k0 = Math.sqrt(a * a + b * b + c * c);
  if (k0 < 1e-6) return -Math.min(rx, ry, rz);
  const u = a / rx;
  const v = b / ry;
  const w = c / rz;
  return (k0 * (k0 - 1)) / Math.sqrt(u * u + v * v + w * w);
}

/** Smooth minimum with blending width `k` mm: never above `min(a, b)`, at most `k / 4` below it. */
export function smoothMin(a: number, b: number, k: number): number {
  const h = k - Math.abs(a - b);
  return h <= 0 ? Math.min(a, b) : Math.min(a, b) - (h * h) / (4 * k);
}

/** Smooth maximum with blending width `k` mm. */
export function smoothMax(a: number, b: number, k: number): number {
  return -smoothMin(-a, -b, k);
}

/** 0 at `low`, 1 at `high` and beyond, a cubic in between; falls where `high` is below `low`. */
export function smoothStep(low: number, high: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
}

/** A tube along a smooth curve: rows of x, y, z, radius. */
export type Tube = Float64Array;

/** `[x, y, z, radius]` of a point that the axis of a tube passes through, millimetres. */
export type TubePoint = readonly [number, number, number, number];

/** A tube through the points, its axis and radius interpolated by Catmull-Rom curves of `steps` pieces. */
export function tube(points: readonly TubePoint[], steps = 4): Tube {
  const rows: number[] = [];
  for (let i = 0; i + 1 < points.length; i++) {
    const b = points[i]!;
    const c = points[i + 1]!;
    const a = points[i - 1] ?? b;
    const d = points[i + 2] ?? c;
    for (let s = 0; s < steps; s++) {
      const t = s / steps;
      for (let n = 0; n < 4; n++) {
        const p1 = (c[n]! - a[n]!) / 2;
        const p2 = a[n]! - 2.5 * b[n]! + 2 * c[n]! - 0.5 * d[n]!;
        const p3 = -0.5 * a[n]! + 1.5 * b[n]! - 1.5 * c[n]! + 0.5 * d[n]!;
        rows.push(b[n]! + t * (p1 + t * (p2 + t * p3)));
      }
    }
  }
  rows.push(...points[points.length - 1]!);
  return Float64Array.from(rows);
}

/** The same tube with every radius multiplied. */
export function withRadius(shape: Tube, factor: number): Tube {
  return shape.map((value, i) => (i % 4 === 3 ? value * factor : value));
}

/** Where along the tube `tubeDistance` last found the nearest point, 0 at its start and 1 at its end. */
export const nearest = { along: 0 };

/** Signed distance to a tube; `nearest.along` is set to the position of the nearest axis point. */
export function tubeDistance(shape: Tube, x: number, y: number, z: number): number {
  const last = shape.length - 4;
  let best = Number.POSITIVE_INFINITY;
  let along = 0;
  for (let o = 0; o < last; o += 4) {
    const ax = shape[o]!;
    const ay = shape[o + 1]!;
    const az = shape[o + 2]!;
    const dx = shape[o + 4]! - ax;
    const dy = shape[o + 5]! - ay;
    const dz = shape[o + 6]! - az;
    const px = x - ax;
    const py = y - ay;
    const pz = z - az;
    let t = (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz);
    t = Math.min(1, Math.max(0, t));
    const ex = px - t * dx;
    const ey = py - t * dy;
    const ez = pz - t * dz;
    const radius = shape[o + 3]! + t * (shape[o + 7]! - shape[o + 3]!);
    const d = Math.sqrt(ex * ex + ey * ey + ez * ez) - radius;
    if (d < best) {
      best = d;
      along = o / 4 + t;
    }
  }
  nearest.along = along / (last / 4);
  return best;
}
