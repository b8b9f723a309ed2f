import type { Rng } from "../../core/rng.js";
import { affineFromColumns } from "../../volume/affine.js";
import type { Grid } from "../../volume/volume.js";
import { type BrainParameters, drawBrain, withAtrophy } from "../brain.js";
import { L } from "../labels.js";
import { mixValues, type RenderedBrain, renderBrain } from "../render.js";
import { drawWaves, type Waves, waveAt } from "../shape/waves.js";
import type { PetSlice } from "./scan.js";
import { attenuationByLabel, drawUptake, type PersonUptake, type Tracer } from "./uptake.js";

/** A spot of other uptake: an ellipsoid with a soft edge, in the person's millimetres. */
interface Spot {
  readonly centre: readonly [number, number, number];
  readonly radii: readonly [number, number, number];
  /** Uptake there relative to the tissue's own: a tumour above 1, a stroke below. */
  readonly factor: number;
}

/** A simulated head with a tracer in it. */
export interface PetHead {
  readonly person: BrainParameters;
  readonly uptake: PersonUptake;
  /** Activity of cerebellar cortex, kBq/ml. */
  readonly levelKBqMl: number;
  readonly lesions: number;
  /** A slice through the head, in the plane and with the turn and zoom that `rng` draws. */
  slice(rng: Rng, grid: Grid): PetSlice;
}

export interface HeadOptions {
  readonly tracer: Tracer;
  /** Chance that the brain has hot or cold spots; default 0.3. */
  readonly lesionChance?: number;
  /** Points per pixel edge where tissues meet, default 2; 1 takes a third of the time. */
  readonly samplesPerEdge?: number;
}

/** Draw a person, their uptake and lesions; activity is in the range of clinical scans, 3 to 30 kBq/ml. */
export function drawPetHead(
  rng: Rng,
  { tracer, lesionChance = 0.3, samplesPerEdge = 2 }: HeadOptions,
): PetHead {
  const uptake = drawUptake(rng.split("uptake"), tracer);
  const drawn = drawBrain(rng.split("brain"));
  const person = withAtrophy(drawn, {
    cortex: 0.2 * uptake.burden,
    hippocampus: 0.25 * uptake.burden,
    ventricles: 0.4 * uptake.burden,
  });
  const levelKBqMl = 3 * 10 ** rng.split("level").uniform();
  const spots = drawSpots(rng.split("spots"), lesionChance);
  const regions = drawWaves(rng.split("regions"), 9, 70, 0.3);
  const texture = drawWaves(rng.split("texture"), 12, 18, 0.3);
  return {
    person,
    uptake,
    levelKBqMl,
    lesions: spots.length,
    slice(draw, grid) {
      const placed = drawPlace(draw, grid);
      const brain = renderBrain(person, placed, { samplesPerEdge });
      const activity = mixValues(brain, uptake.byLabel).data;
      modulate(activity, brain, { spots, regions, texture, levelKBqMl });
      return { activity, attenuationPerCm: mixValues(brain, attenuationByLabel()).data };
    },
  };
}

function drawSpots(rng: Rng, chance: number): Spot[] {
  if (!rng.split("any").chance(chance)) return [];
  return Array.from({ length: 1 + rng.split("count").integer(4) }, (_, n): Spot => {
    const draw = rng.split(n);
    const radius = 3 * 5 ** draw.uniform();
    const own = (): number => radius * draw.between(0.7, 1.4);
    return {
      centre: [draw.between(-55, 55), draw.between(-85, 50), draw.between(-40, 60)],
      radii: [own(), own(), own()],
      factor: draw.chance(0.6) ? draw.between(1.5, 4) : draw.between(0, 0.5),
    };
  });
}

/** The sheet's augmentation, in the plane: shift, turn by up to 10 degrees, zoom; and the height of the slice. */
function drawPlace(rng: Rng, grid: Grid): Grid {
  const angle = (rng.split("turn").between(-10, 10) * Math.PI) / 180;
  const zoom = rng.split("zoom").between(0.9, 1.1);
  const [x, y] = [rng.split("x").between(-12, 12), -17 + rng.split("y").between(-12, 12)];
  const z = rng.split("z").between(-45, 68);
  const step = Math.hypot(grid.affine[0]!, grid.affine[4]!) / zoom;
  const thickness = Math.hypot(grid.affine[2]!, grid.affine[6]!, grid.affine[10]!);
  const [cosine, sine] = [step * Math.cos(angle), step * Math.sin(angle)];
  const [ni, nj] = [(grid.size[0] - 1) / 2, (grid.size[1] - 1) / 2];
  return {
    size: grid.size,
    affine: affineFromColumns(
      [cosine, sine, 0],
      [-sine, cosine, 0],
      [0, 0, thickness],
      [x - cosine * ni + sine * nj, y - sine * ni - cosine * nj, z],
    ),
  };
}

/** Regions, texture and spots of the brain, and the level: relative uptake becomes kBq/ml. */
function modulate(
  activity: Float32Array,
  brain: RenderedBrain,
  of: {
    readonly spots: readonly Spot[];
    readonly regions: Waves;
    readonly texture: Waves;
    readonly levelKBqMl: number;
  },
): void {
  const { size, affine: m, data } = brain.labels;
  for (let j = 0, v = 0; j < size[1]; j++)
    for (let i = 0; i < size[0]; i++, v++) {
      const value = activity[v]!;
      if (value === 0) continue;
      const x = m[0]! * i + m[1]! * j + m[3]!;
      const y = m[4]! * i + m[5]! * j + m[7]!;
      const z = m[11]!;
      const label = data[v]!;
      let factor = of.levelKBqMl;
      if (label >= L.cortex && label !== L.fat) {
        factor *= Math.max(0.3, 1 + 0.1 * waveAt(of.regions, x, y, z) + 0.04 * waveAt(of.texture, x, y, z));
        for (const { centre, radii, factor: strength } of of.spots) {
          const r = Math.hypot(
            (x - centre[0]) / radii[0],
            (y - centre[1]) / radii[1],
            (z - centre[2]) / radii[2],
          );
          if (r < 1.3) factor *= 1 + (strength - 1) * Math.min(1, (1.3 - r) / 0.3);
        }
      }
      activity[v] = value * factor;
    }
}
