import { z } from "zod";
import { sliceProfiles } from "../../sim/mr/profile.js";
import { trainingSettings, withSettings } from "../settings.js";

const count = z.number().int().positive();
const length = z.number().positive();

/** Everything that decides a run of super-resolution, as plain data: it stands in `run.json`. */
export const superresolutionSchema = z
  .object({
    ...trainingSettings,
    /** Of both networks: see `edsr`. */
    network: z
      .object({
        width: count,
        blocks: z.number().int().min(0),
        scaling: z.number().positive(),
        addInput: z.boolean(),
      })
      .strict(),
    loss: z.enum(["l1", "l2"]),
    /**
     * Self super-resolution learns from what anti-aliasing has made of aliased patches, instead of from blurred ones that
     * never were aliased: what it will be given.
     */
    chain: z.boolean(),
    /** "2d": slices, blurred and aliased, two networks; "3d": blurred only, one network. */
    acquisition: z.enum(["2d", "3d"]),
    /** Sensitivity across a slice ("2d"). */
    profile: z.enum(sliceProfiles),
    /** Full width at half maximum of the profile; null: the distance between slices, which is no gap. */
    thicknessMm: length.nullable(),
    /** Edge of the result's voxels; null: the smallest spacing of the first scan. */
    targetMm: length.nullable(),
    /** Edge of the square patches that are trained on, in voxels. */
    patch: count,
    /** Angles in the slices' plane along which pairs are drawn, evenly spaced over half a turn. */
    rotations: count,
    /** Angles along which the networks are applied, evenly spaced over half a turn: 2 are 0 and 90 degrees. */
    directions: z.number().int().min(2),
    /** Exponent p of the Fourier burst accumulation; 0: the mean; "infinity": the largest. */
    burst: z.union([z.number().min(0).max(100), z.literal("infinity")]),
  })
  .strict();

export type SuperresolutionConfig = z.infer<typeof superresolutionSchema>;

/** A preset with `--set` changes applied: see `withSettings`. */
export function withChanges(
  preset: SuperresolutionConfig,
  changes: Readonly<Record<string, string>>,
): SuperresolutionConfig {
  return withSettings(superresolutionSchema, Object.keys(preset), preset, changes);
}
