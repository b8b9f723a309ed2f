type Point = readonly [number, number, number];

/** Corner b of the unit cube, for neighbour-code bit b: i is bit 0, j bit 1, k bit 2. */
const corners: readonly Point[] = Array.from({ length: 8 }, (_, b) => [b & 1, (b >> 1) & 1, (b >> 2) & 1]);

/** The six faces as four corner numbers in cyclic order. */
const faces: readonly (readonly number[])[] = [0, 1, 2].flatMap((axis) => {
  const [u, v] = [0, 1, 2].filter((other) => other !== axis).map((other) => 1 << other) as [number, number];
  return [0, 1 << axis].map((base) => [base, base + u, base + u + v, base + v]);
});

/**
 * Area in mm² of the surface that passes between the eight voxels of a 2x2x2 neighbourhood, for each of the
 * 256 ways in which they can lie inside (bit b set) or outside a mask. Bit b stands for the voxel at offset
 * `(b & 1, b >> 1 & 1, b >> 2 & 1)` along i, j, k.
 *
 * The surface is that of marching cubes (Lorensen and Cline 1987) through the midpoints of the cube's edges,
 * built here from its definition: on every face the midpoints between unlike corners are joined; where a face
 * has four of them the minority's corners are kept apart; each closed polygon is cut into the triangles that
 * have the largest area in the unit cube. With these three rules the areas are those of DeepMind's
 * surface-distance package (Nikolov et al. 2018, arXiv 1809.04430), for any spacing.
 */
export function surfaceElementAreas(spacingMm: readonly [number, number, number]): Float64Array {
  const [si, sj, sk] = spacingMm;
  const areas = new Float64Array(256);
  for (let code = 1; code < 255; code++)
    for (const polygon of surfacePolygons(code))
      for (const [x, y, z] of largestTriangulation(polygon).normals)
        areas[code]! += Math.hypot(x * sj * sk, y * si * sk, z * si * sj);
  return areas;
}

/**
 * Length in mm of the contour between the four pixels of a 2x2 neighbourhood, for each of the 16 codes: bit 0
 * is the pixel at (0, 0), bit 1 at (1, 0), bit 2 at (0, 1), bit 3 at (1, 1). The same definition in 2-D.
 */
export function contourElementLengths(spacingMm: readonly [number, number]): Float64Array {
  const [si, sj] = spacingMm;
  const corner = Math.hypot(si, sj) / 2;
  const lengths = new Float64Array(16);
  for (let code = 1; code < 15; code++) {
    const inside = (bit: number): number => (code >> bit) & 1;
    const count = inside(0) + inside(1) + inside(2) + inside(3);
    if (count !== 2) lengths[code] = corner;
    else if (inside(0) === inside(3)) lengths[code] = 2 * corner;
    else lengths[code] = inside(0) === inside(1) ? si : sj;
  }
  return lengths;
}

/** Closed polygons of the surface for one neighbour code, as edge midpoints in order. */
function surfacePolygons(code: number): Point[][] {
  const ones = corners.filter((_, b) => ((code >> b) & 1) === 1).length;
  const minority = ones <= 4 ? 1 : 0;
  const links = new Map<number, number[]>(); // edge key → the two edges it is joined to
  const link = (a: number, b: number): void => {
    links.set(a, [...(links.get(a) ?? []), b]);
    links.set(b, [...(links.get(b) ?? []), a]);
  };
  for (const face of faces) {
    const side = face.map((b) => (code >> b) & 1);
    const edges = face.map((b, n) => edgeKey(b, face[(n + 1) % 4]!));
    const crossed = edges.filter((_, n) => side[n] !== side[(n + 1) % 4]);
    if (crossed.length === 2) link(crossed[0]!, crossed[1]!);
    else if (crossed.length === 4)
      for (let n = 0; n < 4; n++) if (side[n] === minority) link(edges[(n + 3) % 4]!, edges[n]!);
  }
  const polygons: Point[][] = [];
  const left = new Set(links.keys());
  for (const start of links.keys()) {
    if (!left.has(start)) continue;
    const polygon: Point[] = [];
    for (let edge: number | undefined = start; edge !== undefined; ) {
      left.delete(edge);
      polygon.push(midpoint(edge));
      edge = links.get(edge)!.find((next) => left.has(next));
    }
    polygons.push(polygon);
  }
  return polygons;
}

const edgeKey = (a: number, b: number): number => Math.min(a, b) * 8 + Math.max(a, b);

function midpoint(edge: number): Point {
  const a = corners[edge >> 3]!;
  const b = corners[edge & 7]!;
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2];
}

/** Area-weighted normals of the triangulation with the largest total area; polygons have at most 7 corners. */
function largestTriangulation(polygon: readonly Point[]): { area: number; normals: Point[] } {
  if (polygon.length < 3) return { area: 0, normals: [] };
  let best: { area: number; normals: Point[] } = { area: -1, normals: [] };
  for (let apex = 1; apex < polygon.length - 1; apex++) {
    const normal = triangleNormal(polygon[0]!, polygon[apex]!, polygon[polygon.length - 1]!);
    const before = largestTriangulation(polygon.slice(0, apex + 1));
    const after = largestTriangulation(polygon.slice(apex));
    const area = Math.hypot(...normal) + before.area + after.area;
    if (area > best.area + 1e-12) best = { area, normals: [normal, ...before.normals, ...after.normals] };
  }
  return best;
}

function triangleNormal(a: Point, b: Point, c: Point): Point {
  const [ux, uy, uz] = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
  const [vx, vy, vz] = [c[0] - a[0], c[1] - a[1], c[2] - a[2]];
  return [(uy * vz - uz * vy) / 2, (uz * vx - ux * vz) / 2, (ux * vy - uy * vx) / 2];
}
