import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { readSubjects, readTable, readVolume, writeVolume } from "../../src/io/node.js";
import {
  bringTo,
  centreOfMassMm,
  coarseGrid,
  headThreshold,
  judgeAlignment,
} from "../../src/prepare/align.js";
import { registerAffine } from "../../src/prepare/elastix.node.js";
import { prepareScans } from "../../src/prepare/node.js";
import { flagScans } from "../../src/prepare/quality.js";
import { templateBox } from "../../src/prepare/scan.js";
import { defaultStudy, type StudyOptions, studyGrid } from "../../src/sim/alzheimer/cohort.js";
import { writeStudy } from "../../src/sim/alzheimer/node.js";
import { drawScanner, scanHead } from "../../src/sim/alzheimer/scanner.js";
import { drawBrain } from "../../src/sim/brain.js";
import { renderBrain } from "../../src/sim/render.js";
import {
  applyAffine,
  invertAffine,
  multiplyAffines,
  nearestRotation,
  scalingAffine,
} from "../../src/volume/affine.js";
import { type Affine, type ImageVolume, volume } from "../../src/volume/volume.js";

/** Nodding, tilting and turning (radians), shifted (mm), after stretching. */
function affineOf(angles: readonly number[], stretch: readonly number[], shift: readonly number[]): Affine {
  const [a, b, c] = angles as [number, number, number];
  const nod = [1, 0, 0, 0, 0, Math.cos(a), -Math.sin(a), 0, 0, Math.sin(a), Math.cos(a), 0, 0, 0, 0, 1];
  const tilt = [Math.cos(b), 0, Math.sin(b), 0, 0, 1, 0, 0, -Math.sin(b), 0, Math.cos(b), 0, 0, 0, 0, 1];
  const turn = [
    Math.cos(c),
    -Math.sin(c),
    0,
    shift[0]!,
    Math.sin(c),
    Math.cos(c),
    0,
    shift[1]!,
    0,
    0,
    1,
    shift[2]!,
    0,
    0,
    0,
    1,
  ];
  return multiplyAffines(
    turn,
    multiplyAffines(tilt, multiplyAffines(nod, scalingAffine(stretch as [number, number, number]))),
  );
}

describe("registration", () => {
  const grid = studyGrid({ grid: 40, spacingMm: 4.8 });
  const scanners = rng("scanners");
  it.each([
    [1, affineOf([0.15, -0.08, 0.12], [1.08, 0.94, 1.03], [9, -7, 6])],
    [2, affineOf([-0.17, 0.1, -0.06], [0.92, 1.05, 0.97], [-11, 10, -5])],
  ] as const)(
    "finds a known affine within 1 mm and 1 degree, from another scanner (head %i)",
    async (seed, known) => {
      const person = drawBrain(rng(seed), { ageYears: [60, 80] });
      const scan = (affine: Affine, scanner: number): ImageVolume => {
        const brain = renderBrain(person, { size: grid.size, affine }, { samplesPerEdge: 2 });
        const lying = { ...brain, labels: { ...brain.labels, affine: grid.affine } };
        return scanHead(lying, drawScanner(scanners, scanner), rng(seed), rng(seed).split(scanner));
      };
      const fixed = scan(grid.affine, 0);
      const moving = scan(multiplyAffines(known, grid.affine), 2);
      const found = await registerAffine(moving, fixed);
      const wanted = invertAffine(known);
      let worst = 0;
      for (const x of [-60, 0, 60])
        for (const y of [-85, -20, 50])
          for (const z of [-30, 20, 65]) {
            const [p, q] = [applyAffine(found, [x, y, z]), applyAffine(wanted, [x, y, z])];
            worst = Math.max(worst, Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
          }
      expect(worst).toBeLessThan(1);
      const linear = (m: Affine) =>
        nearestRotation([m[0]!, m[1]!, m[2]!, m[4]!, m[5]!, m[6]!, m[8]!, m[9]!, m[10]!]);
      const [r, s] = [linear(found), linear(wanted)];
      const trace = r.reduce((sum, value, at) => sum + value * s[at]!, 0);
      expect((Math.acos(Math.min(1, (trace - 1) / 2)) * 180) / Math.PI).toBeLessThan(1);

      // The affine is right where it counts: the head lies on the template afterwards.
      const before = judgeAlignment(bringTo(moving, grid, scalingAffine([1, 1, 1])), fixed);
      const after = judgeAlignment(bringTo(moving, grid, found), fixed);
      expect(after.correlation).toBeGreaterThan(0.7);
      expect(after.correlation).toBeGreaterThan(before.correlation + 0.2);
      expect(after.overlap).toBeGreaterThan(0.85);
    },
  );
});

describe("alignment", () => {
  const ball = (centre: readonly number[], radius = 8): ImageVolume => {
    const data = new Float32Array(30 ** 3);
    for (let v = 0; v < data.length; v++) {
      const at = [v % 30, Math.floor(v / 30) % 30, Math.floor(v / 900)];
      const r = Math.hypot(...at.map((x, axis) => x - centre[axis]!));
      data[v] = r < radius ? 100 - 5 * r : 1;
    }
    return volume(data, { size: [30, 30, 30], affine: scalingAffine([2, 2, 2], [-30, -30, -30]) });
  };

  it("knows head from background, and the head's middle", () => {
    const threshold = headThreshold(ball([14, 14, 14]));
    expect(threshold).toBeGreaterThan(1);
    expect(threshold).toBeLessThan(60);
    expect(centreOfMassMm(ball([10, 14, 18])).map(Math.round)).toEqual([-10, -2, 6]);
  });

  it("judges by correlation and overlap", () => {
    const still = judgeAlignment(ball([14, 14, 14]), ball([14, 14, 14]));
    expect(still).toEqual({ correlation: expect.closeTo(1, 6), overlap: 1 });
    const away = judgeAlignment(ball([20, 14, 14]), ball([14, 14, 14]));
    expect(away.correlation).toBeLessThan(0.7);
    expect(away.overlap).toBeLessThan(0.7);
  });

  it("cuts a box around the head that keeps places right", () => {
    const { start, size } = templateBox(ball([14, 14, 14]));
    expect(start.every((at) => at >= 3 && at <= 7)).toBe(true);
    expect(size.every((n) => n >= 16 && n <= 24)).toBe(true);
  });

  it("covers an oblique image with a grid along the world's axes", () => {
    const turned = { size: [30, 30, 30] as const, affine: affineOf([0.3, 0, 0.2], [2, 2, 2], [1, 2, 3]) };
    const { affine, size } = coarseGrid(turned, 4);
    expect([affine[0], affine[1], affine[5]]).toEqual([4, 0, 4]);
    const inside = applyAffine(invertAffine(affine), applyAffine(turned.affine, [29, 0, 29]));
    inside.forEach((at, axis) => {
      expect(at).toBeGreaterThan(-0.6);
      expect(at).toBeLessThan(size[axis]! - 0.4);
    });
  });
});

describe("quality", () => {
  const scans = (values: readonly number[]) =>
    values.map((correlation, at) => ({ id: `s${at}`, correlation, overlap: 0.95 }));

  it("flags what is bad by itself, and what stands out among many, worst first", () => {
    expect(flagScans(scans([0.9, 0.91, 0.4]))).toEqual([
      { id: "s2", correlation: 0.4, overlap: 0.95, reasons: ["correlation 0.400 is below 0.5"] },
    ]);
    const many = [0.9, 0.91, 0.92, 0.9, 0.91, 0.89, 0.9, 0.91, 0.7, 0.6];
    expect(flagScans(scans(many)).map(({ id }) => id)).toEqual(["s9", "s8"]);
    expect(flagScans(scans(many.slice(0, 8)))).toEqual([]);
  });
});

describe("a data set", () => {
  const root = mkdtempSync(join(tmpdir(), "gyrus-prepare-"));
  const study = join(root, "study");
  const templatePath = join(root, "template.nii.gz");
  const out = join(root, "prepared");
  const options: StudyOptions = {
    ...defaultStudy,
    seed: 3,
    groups: { AD: 1, CN: 1 },
    months: [0],
    grid: 32,
    spacingMm: 6,
    turned: true,
  };
  const image = (folder: string) => join(folder, "sub-001/ses-M00/anat/sub-001_ses-M00_T1w.nii.gz");

  beforeAll(async () => {
    await writeStudy(study, options);
    const grid = studyGrid({ grid: 32, spacingMm: 6 });
    const brain = renderBrain(drawBrain(rng(50), { ageYears: [60, 80] }), grid, { samplesPerEdge: 2 });
    await writeVolume(templatePath, scanHead(brain, drawScanner(rng(1), 0), rng(1), rng(2)));
  }, 60_000);

  it("is brought to the template with its tables, one grid, values from 0 to 1, and provenance", async () => {
    const done = await prepareScans({ dataDir: study, outDir: out, template: templatePath });
    expect([done.scans, done.kept, done.flagged]).toEqual([2, 0, []]);
    const table = await readSubjects(out);
    expect(table).toMatchObject({ classes: ["CN", "AD"], aligned: true });
    expect(table.rows[0]!.months).toBe(0);
    const { volume: made } = await readVolume(image(out), { as: "float32" });
    expect(Math.min(...made.data)).toBe(0);
    expect(Math.max(...made.data)).toBe(1);
    const quality = await readTable(done.quality);
    for (const row of quality.rows) expect(Number(row.correlation)).toBeGreaterThan(0.5);
    const { GyrusPreparation: record } = JSON.parse(
      readFileSync(image(out).replace(".nii.gz", ".json"), "utf8"),
    );
    expect(record.sourceSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(record.templateToScan).toHaveLength(16);
    expect(record.settings).toEqual({
      registered: false,
      biasCorrection: true,
      crop: true,
      intensity: "percentile",
    });
  }, 60_000);

  it("goes on where it stopped, and makes anew what is missing or was made of other bytes", async () => {
    rmSync(image(out).replace(".nii.gz", ".json"));
    const bytes = readFileSync(image(out));
    const again = await prepareScans({ dataDir: study, outDir: out, template: templatePath });
    expect([again.scans, again.kept]).toEqual([2, 1]);
    expect(readFileSync(image(out)).equals(bytes)).toBe(true);
  }, 60_000);

  it("stays as it is when asked with other settings, or for another's folder", async () => {
    const other = { dataDir: study, outDir: out, template: templatePath, intensity: "minMax" as const };
    await expect(prepareScans(other)).rejects.toThrow(/something else than this preparation.*other settings/);
    await expect(prepareScans({ ...other, outDir: study })).rejects.toThrow(
      /something else than this preparation/,
    );
  });

  it("is not moved when it is declared as registered, which has to be possible", async () => {
    const still = join(root, "still");
    const done = await prepareScans({
      dataDir: study,
      outDir: still,
      registered: true,
      crop: false,
      biasCorrection: false,
      intensity: "none",
    });
    const [before, after] = [await readVolume(image(study)), await readVolume(image(still))];
    expect(after.volume.affine).toEqual(before.volume.affine);
    expect([...after.volume.data.subarray(0, 500)]).toEqual([...before.volume.data.subarray(0, 500)]);
    const { GyrusPreparation: record } = JSON.parse(
      readFileSync(image(still).replace(".nii.gz", ".json"), "utf8"),
    );
    expect([record.settings.registered, record.templateToScan]).toEqual([true, null]);
    expect((await readTable(done.quality)).rows[0]!.correlation).toBeDefined();
    const { volume: odd } = await readVolume(image(study));
    const path = image(study).replaceAll("sub-001", "sub-002");
    const kept = readFileSync(path);
    await writeVolume(path, { ...odd, affine: scalingAffine([3, 3, 3]) });
    await expect(
      prepareScans({ dataDir: study, outDir: join(root, "no"), registered: true }),
    ).rejects.toThrow(/declared as registered lie on different grids.*Leave out --registered/);
    writeFileSync(path, kept);
    expect(existsSync(join(root, "no"))).toBe(false);
  }, 60_000);

  it("has pictures of the scans that do not lie on the template", async () => {
    const path = image(study).replaceAll("sub-001", "sub-002");
    const kept = readFileSync(path);
    const { volume: good } = await readVolume(path, { as: "float32" });
    const draw = rng(1);
    await writeVolume(path, { ...good, data: good.data.map(() => 100 + 10 * draw.normal()) });
    const template = join(root, "still.nii.gz");
    await writeVolume(template, good);
    const looked = join(root, "looked");
    const done = await prepareScans({ dataDir: study, outDir: looked, template, registered: true });
    writeFileSync(path, kept);
    // The other head is turned away from this one's, which nothing has undone.
    expect(done.flagged.map(({ id }) => id)).toEqual(["sub-002_ses-M00", "sub-001_ses-M00"]);
    const picture = (await readVolume(done.figures[0]!)).volume;
    const { size } = (await readVolume(image(looked))).volume;
    expect(picture.size).toEqual([2 * size[0] + size[1], 2 * Math.max(size[1], size[2]), 1]);
  }, 60_000);

  it("wants a template, or to be declared", async () => {
    await expect(prepareScans({ dataDir: study, outDir: join(root, "no") })).rejects.toThrow(
      /no template.*--registered/,
    );
  });
});
