/** What lies outside the image: its smallest value, zero, the edge's own value, or the image mirrored. */
export type Padding = "minimum" | "zero" | "edge" | "mirror";

/**
 * Bring a voxel coordinate into `[0, extent - 1]`, or answer NaN for "outside".
 *
 * With `edge` and `mirror` (about the centre of the outermost voxel, which is not repeated) nothing is
 * outside. Otherwise a position up to half a voxel beyond the outermost centre still belongs to that voxel.
 */
export function fold(coordinate: number, extent: number, padding: Padding): number {
  const last = extent - 1;
  if (coordinate >= 0 && coordinate <= last) return coordinate;
  if (padding === "mirror") {
    if (last === 0) return 0;
    const period = 2 * last;
    const within = ((coordinate % period) + period) % period;
    return within > last ? period - within : within;
  }
  if (padding !== "edge" && (coordinate < -0.5 || coordinate >= last + 0.5)) return Number.NaN;
  return coordinate < 0 ? 0 : last;
}
