import { fail } from "../core/errors.js";
import { type InterfileHeader, numberOf, numbersOf, textOf } from "./interfile-header.js";

/** What a header says about its sinograms. */
export interface SinogramLayout {
  readonly modality: "pet" | "spect";
  readonly views: number;
  readonly bins: number;
  /** Sinograms of each segment: axial positions of one range of ring differences. SPECT has one segment. */
  readonly slicesPerSegment: readonly number[];
  /** The segment of ring difference 0, which 2-D reconstruction takes. */
  readonly directSegment: number;
  /** Time-of-flight bins; 1 without. */
  readonly timingPositions: number;
  /** Which of view and axial position follows the bins in the file. */
  readonly order: "by sinogram" | "by view";
  /** Distance of neighbouring bins at the centre; absent where the header leaves it to the scanner's name. */
  readonly binSizeMm?: number;
  /** The bin that the scanner's axis falls on, from 0: `bins / 2`, rounded down. */
  readonly axisBin: number;
  /** False where bins crowd towards the edge of the field of view, as a ring's do: no arc correction was applied. */
  readonly evenBins: boolean;
  /** The ring of such bins, where the header describes it: bin b lies `radiusMm · sin((b - axisBin) · stepRadians)` off. */
  readonly ring?: { readonly radiusMm: number; readonly stepRadians: number };
  /** Angle of the first view: the scanner's offset, and half of the views that were added up into one. */
  readonly startDegrees: number;
  /** Angle that all views cover: 180 for PET. */
  readonly extentDegrees: number;
  readonly sliceSpacingMm?: number;
  /** How the patient lies: `head_in` or `feet_in`, and `supine` or `prone`, unless the header says otherwise. */
  readonly orientation: string;
  readonly rotation: string;
  readonly durationS?: number;
  readonly appliedCorrections: readonly string[];
}

/** What a header says about sinograms, without their numbers. Throws `bad-file`, `unsupported`. */
export function sinogramLayout({ keys }: InterfileHeader, name: string): SinogramLayout {
  requireOneNuclearFrame(keys, name);
  if (keys.has("number of projections")) return spectLayout(keys, name);
  const dimensions = numberOf(keys, "number of dimensions", name);
  const axes = new Map<string, number>();
  for (let axis = 1; axis <= dimensions; axis++)
    axes.set(textOf(keys, `matrix axis label[${axis}]`, name).toLowerCase(), axis);
  const axisOf = (label: string): number =>
    axes.get(label) ??
    fail("bad-file", {
      what: "the header does not describe sinograms",
      where: name,
      expected: "matrix axis labels segment, view, axial coordinate and tangential coordinate",
      found: [...axes.keys()].join(", "),
      ...(axes.has("x") ? { fix: "This is the header of an image: give a sinogram's (.hs)" } : {}),
    });
  const size = (label: string): number => positive(keys, `matrix size[${axisOf(label)}]`, name);
  const [tangential, view, axial] = [
    axisOf("tangential coordinate"),
    axisOf("view"),
    axisOf("axial coordinate"),
  ];
  const slicesPerSegment = numbersOf(keys, `matrix size[${axial}]`, name);
  const segments = size("segment");
  if (
    tangential !== 1 ||
    view > 3 ||
    axial > 3 ||
    slicesPerSegment.length !== segments ||
    !slicesPerSegment.every((n) => Number.isInteger(n) && n > 0)
  )
    fail("bad-file", {
      what: "the axes of the sinograms disagree with each other",
      where: name,
      expected: `tangential coordinate first, then view and axial coordinate, and ${segments} number(s) of slices, one for each segment`,
      found: `${[...axes].map(([label, axis]) => `[${axis}] ${label}`).join(", ")}; slices ${slicesPerSegment.join(", ")}`,
    });
  const bins = size("tangential coordinate");
  const ring = ringOf(keys, name);
  const evenBins = /arc correct/i.test(keys.get("applied corrections") ?? "");
  const direct = directSegment(keys, segments, name);
  return {
    modality: "pet",
    views: size("view"),
    bins,
    slicesPerSegment,
    directSegment: direct.segment,
    timingPositions: axes.has("timing positions") ? size("timing positions") : 1,
    order: view < axial ? "by sinogram" : "by view",
    ...binSize(keys, name, evenBins ? undefined : ring),
    axisBin: Math.floor(bins / 2),
    evenBins,
    ...(ring === undefined ? {} : { ring }),
    startDegrees: startDegrees(keys, size("view"), name),
    extentDegrees: 180,
    ...sliceSpacing(keys, direct.oneRingDifference, name),
    ...patient(keys),
    ...(keys.has("image duration (sec)[1]")
      ? { durationS: numberOf(keys, "image duration (sec)[1]", name) }
      : {}),
    appliedCorrections: corrections(keys),
  };
}

/** One time frame of a nuclear scanner, or a header that leaves that open. Throws `unsupported`. */
function requireOneNuclearFrame(keys: ReadonlyMap<string, string>, name: string): void {
  const modality = keys.get("imaging modality");
  if (modality !== undefined && !/^(pt|pet|nm|nucmed|spect)$/i.test(modality))
    fail("unsupported", {
      what: "the header is not of a nuclear scan",
      where: name,
      expected: "imaging modality := PT, PET or nucmed",
      found: modality,
    });
  const frames = keys.has("number of time frames") ? positive(keys, "number of time frames", name) : 1;
  if (frames > 1)
    fail("unsupported", {
      what: "the file holds several time frames",
      where: name,
      expected: "number of time frames := 1",
      found: `${frames}`,
      fix: "Write each frame to a file of its own, or add them up",
    });
}

function patient(keys: ReadonlyMap<string, string>): { orientation: string; rotation: string } {
  const known = (key: string, otherwise: string): string => {
    const value = (keys.get(key) ?? "").toLowerCase();
    return value === "" || value === "unknown" ? otherwise : value;
  };
  return {
    orientation: known("patient orientation", "head_in"),
    rotation: known("patient rotation", "supine"),
  };
}

/** Sinograms of several ring differences lie between rings too, those of a single one on rings only. */
function sliceSpacing(
  keys: ReadonlyMap<string, string>,
  oneRingDifference: boolean,
  name: string,
): { sliceSpacingMm?: number } {
  const spacing = knownMm(keys, "distance between rings (cm)", name);
  return spacing === undefined ? {} : { sliceSpacingMm: spacing / (oneRingDifference ? 1 : 2) };
}

/** A length written in cm. Unknown where the key is missing, and where it is 0 or -1, as STIR writes what it does not know. */
function knownMm(keys: ReadonlyMap<string, string>, key: string, name: string): number | undefined {
  const mm = keys.has(key) ? 10 * numberOf(keys, key, name) : 0;
  return mm > 0 ? mm : undefined;
}

/** Neighbouring views that were added up into one look, together, along the middle between them. */
function startDegrees(keys: ReadonlyMap<string, string>, views: number, name: string): number {
  const offset = keys.has("view offset (degrees)") ? numberOf(keys, "view offset (degrees)", name) : 0;
  const detectors = keys.has("number of detectors per ring")
    ? numberOf(keys, "number of detectors per ring", name)
    : 2 * views;
  if (detectors % (2 * views) !== 0) return offset;
  return offset + ((detectors / (2 * views) - 1) / 2) * (360 / detectors);
}

function corrections(keys: ReadonlyMap<string, string>): readonly string[] {
  return (keys.get("applied corrections") ?? "")
    .replace(/[{}]/g, "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "" && one.toLowerCase() !== "none");
}

function directSegment(
  keys: ReadonlyMap<string, string>,
  segments: number,
  name: string,
): { readonly segment: number; readonly oneRingDifference: boolean } {
  const lows = numbersOf(keys, "minimum ring difference per segment", name);
  const highs = numbersOf(keys, "maximum ring difference per segment", name);
  const found = lows.findIndex((low, n) => low <= 0 && 0 <= (highs[n] ?? -1));
  if (lows.length !== segments || highs.length !== segments || found < 0)
    fail("bad-file", {
      what: "ring differences do not fit the segments",
      where: name,
      expected: `${segments} minimum and maximum ring differences, one range around 0`,
      found: `${lows.length} and ${highs.length}`,
    });
  return { segment: found, oneRingDifference: lows[found] === highs[found] };
}

/** The detectors' ring, where photons are caught `average depth of interaction` behind its inner face. */
function ringOf(keys: ReadonlyMap<string, string>, name: string): SinogramLayout["ring"] {
  const described = [
    "inner ring diameter (cm)",
    "average depth of interaction (cm)",
    "number of detectors per ring",
  ];
  if (!described.every((key) => keys.has(key))) return undefined;
  const [diameter, depth, detectors] = described.map((key) => numberOf(keys, key, name)) as [
    number,
    number,
    number,
  ];
  if (!(diameter > 0 && diameter / 2 + depth > 0 && detectors > 2)) return undefined;
  return { radiusMm: 10 * (diameter / 2 + depth), stepRadians: Math.PI / detectors };
}

/** The bins' distance at the centre: as written, or as the ring has it; of even bins also the scanner's usual one. */
function binSize(
  keys: ReadonlyMap<string, string>,
  name: string,
  ring: SinogramLayout["ring"],
): { binSizeMm?: number } {
  const written = knownMm(keys, "effective central bin size (cm)", name);
  if (written !== undefined) return { binSizeMm: written };
  const otherwise =
    ring === undefined
      ? knownMm(keys, "default bin size (cm)", name)
      : ring.radiusMm * Math.sin(ring.stepRadians);
  return otherwise === undefined ? {} : { binSizeMm: otherwise };
}

function spectLayout(keys: ReadonlyMap<string, string>, name: string): SinogramLayout {
  return {
    modality: "spect",
    views: positive(keys, "number of projections", name),
    bins: positive(keys, "matrix size[1]", name),
    slicesPerSegment: [positive(keys, "matrix size[2]", name)],
    directSegment: 0,
    timingPositions: 1,
    order: "by view",
    binSizeMm: numberOf(keys, "scaling factor (mm/pixel)[1]", name),
    axisBin: (positive(keys, "matrix size[1]", name) - 1) / 2,
    evenBins: true,
    startDegrees: keys.has("start angle") ? numberOf(keys, "start angle", name) : 0,
    extentDegrees: numberOf(keys, "extent of rotation", name),
    sliceSpacingMm: numberOf(keys, "scaling factor (mm/pixel)[2]", name),
    ...patient(keys),
    appliedCorrections: corrections(keys),
  };
}

function positive(keys: ReadonlyMap<string, string>, key: string, name: string): number {
  const value = numberOf(keys, key, name);
  if (!Number.isInteger(value) || value < 1)
    fail("bad-file", {
      what: "a size in the Interfile header is impossible",
      where: name,
      expected: `${key} := a whole number of at least 1`,
      found: `${value}`,
    });
  return value;
}
