import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rng } from "../../src/core/rng.js";
import { readSubjects, readTable } from "../../src/io/node.js";
import {
  defaultStudy,
  drawStudy,
  evenGroups,
  type StudyOptions,
  type StudyPerson,
  simulateVisit,
  studyGrid,
} from "../../src/sim/alzheimer/cohort.js";
import { type CourseName, courseNames, drawCourse, statusAfter } from "../../src/sim/alzheimer/course.js";
import { writeStudy } from "../../src/sim/alzheimer/node.js";
import { drawPatient, headAfter, type Patient } from "../../src/sim/alzheimer/person.js";

const options: StudyOptions = {
  ...defaultStudy,
  seed: 5,
  groups: { AD: 3, CN: 3 },
  missedVisits: 0,
  grid: 32,
  spacingMm: 6,
};
const mean = (x: readonly number[]): number => x.reduce((sum, value) => sum + value, 0) / x.length;

/** Area under the curve of a score that is higher in `b`. */
function auc(a: readonly number[], b: readonly number[]): number {
  let won = 0;
  for (const x of a) for (const y of b) won += x < y ? 1 : x === y ? 0.5 : 0;
  return won / (a.length * b.length);
}

describe("the course of the disease", () => {
  it.each(courseNames)("makes %s what its name says", (name) => {
    for (let n = 0; n < 60; n++) {
      const course = drawCourse(rng(n), name);
      expect([course.diagnosis, course.group]).toContain(name);
      const converted = course.conversionMonths;
      if (course.group === "pMCI") {
        expect(converted).toBeLessThanOrEqual(36);
        expect(statusAfter(course, converted!)).toBe("AD");
        expect(statusAfter(course, Math.max(0, converted! - 1))).toBe("MCI");
      } else expect(statusAfter(course, 36)).toBe(course.group === "sMCI" ? "MCI" : course.group);
      if (course.group === "CN") expect(converted).toBeUndefined();
    }
  });

  it("makes neighbours harder to tell apart, by what the anatomy shows", () => {
    const heads = Object.fromEntries(
      courseNames.map((name) => {
        const people = drawStudy({ ...options, seed: 2, groups: { [name]: 250 } });
        return [name, people.map(({ patient }) => shown(headAfter(patient, 0)))];
      }),
    ) as Record<CourseName, number[]>;
    const between = (a: CourseName, b: CourseName) => auc(heads[a], heads[b]);
    expect(between("CN", "AD")).toBeGreaterThan(0.9);
    expect(between("CN", "AD")).toBeLessThan(0.985);
    expect(between("CN", "AD")).toBeGreaterThan(between("CN", "LMCI") + 0.1);
    expect(between("CN", "LMCI")).toBeGreaterThan(between("CN", "EMCI") + 0.03);
    expect(between("EMCI", "LMCI")).toBeLessThan(0.65);
    expect(between("sMCI", "pMCI")).toBeGreaterThan(0.65);
    expect(between("sMCI", "pMCI")).toBeLessThan(0.85);
  });

  it("takes from the head beyond what ageing takes, every visit more", () => {
    const people = (name: CourseName) =>
      Array.from({ length: 40 }, (_, n) =>
        drawPatient(rng(n).split(name), { sex: "F", ageYears: 72, course: drawCourse(rng(n), name) }),
      );
    const [patients, controls] = [people("AD"), people("CN")];
    const lost = (of: readonly Patient[], months: number): number =>
      mean(of.map((who) => 1 - headAfter(who, months).hippocampus[0] / headAfter(who, 0).hippocampus[0]));
    // Barnes et al. 2009, meta-analysis: 4.7 % a year in Alzheimer's disease, 1.4 % in controls.
    expect(within(lost(controls, 12), 0.006, 0.02)).toBe(true);
    expect(within(lost(patients, 12), 0.035, 0.055)).toBe(true);
    expect(lost(patients, 36)).toBeGreaterThan(2.5 * lost(patients, 12));
    const patient = patients[0]!;
    const [before, after] = [headAfter(patient, 0), headAfter(patient, 36)];
    expect(after.corticalThicknessMm).toBeLessThan(before.corticalThicknessMm);
    expect(after.ventricles[1]).toBeGreaterThan(before.ventricles[1]);
    expect(after.scale).toEqual(before.scale);
    expect(after.foldingSeed).toBe(before.foldingSeed);
  });
});

/** What a rater with ruler and patience could see: small hippocampi, large ventricles, thin cortex. */
function shown({ hippocampus, ventricles, corticalThicknessMm }: ReturnType<typeof headAfter>): number {
  return (
    -(hippocampus[0] + hippocampus[1]) / 0.16 + Math.log(ventricles[0]) / 0.6 - corticalThicknessMm / 0.15
  );
}

describe("visits", () => {
  const people = drawStudy(options);
  const visit = (person: StudyPerson, months: number) => simulateVisit(options, person, months);
  const patient = people.find(({ patient: { course } }) => course.group === "AD")!;
  const first = visit(patient, 0);
  const last = visit(patient, 36);
  const others = people
    .filter((person) => person !== patient)
    .slice(0, 2)
    .map((person) => visit(person, 0));

  it("of one person look alike, more than those of two", () => {
    const same = correlation(first.t1.data, last.t1.data);
    for (const other of others)
      expect(same).toBeGreaterThan(correlation(first.t1.data, other.t1.data) + 0.02);
  });

  it("give the same bits again, and other noise at another time", () => {
    expect(visit(patient, 0).t1.data).toEqual(first.t1.data);
    expect(visit(patient, 12).t1.data).not.toEqual(first.t1.data);
  });

  it("measure losses in tissue and growth of fluid in a skull that stays", () => {
    const [a, b] = [first.volumesMl, last.volumesMl];
    // The skull does not change; what of it is dura is told from fluid by samples.
    expect(Math.abs(a.intracranial - b.intracranial)).toBeLessThan(2);
    expect(b.hippocampusLeft).toBeLessThan(a.hippocampusLeft);
    expect(b.cortex).toBeLessThan(a.cortex);
    expect(b.brain).toBeLessThan(a.brain);
    expect(b.lateralVentricles).toBeGreaterThan(a.lateralVentricles);
    expect(b.csf).toBeGreaterThan(a.csf);
  });

  // Ranges of healthy and demented adults over 60, generous, from memory: intracranial 1.1-1.9 l (Buckner 2004),
  // hippocampus 1.7-4.8 ml a side, lateral ventricles 10-120 ml, cortex 300-600 ml, brain 0.8-1.4 l.
  it("have volumes as people have", () => {
    for (const { volumesMl: v } of [first, last, ...others]) {
      expect(within(v.intracranial, 1100, 1900)).toBe(true);
      expect(within(v.brain, 800, 1400)).toBe(true);
      expect(within(v.cortex, 280, 600)).toBe(true);
      expect(within(v.hippocampusLeft, 1.6, 4.8)).toBe(true);
      expect(within(v.lateralVentricles, 10, 120)).toBe(true);
    }
  });

  it("hold the brain alone, or a turned head, when asked", () => {
    const bare = simulateVisit({ ...options, brainOnly: true }, patient, 0);
    const bright = (data: Float32Array): number =>
      data.reduce((n, x) => n + (x > 0.4 * patient.scanner.gain ? 1 : 0), 0);
    expect(bright(bare.t1.data)).toBeLessThan(0.9 * bright(first.t1.data));
    const turned = simulateVisit({ ...options, turned: true }, patient, 0);
    expect(turned.t1.affine).toEqual(first.t1.affine);
    expect(correlation(turned.t1.data, first.t1.data)).toBeLessThan(0.95);
    expect(turned.volumesMl.brain / first.volumesMl.brain).toBeCloseTo(1, 1);
  });
});

const within = (x: number, low: number, high: number): boolean => x >= low && x <= high;

function correlation(a: Float32Array, b: Float32Array): number {
  const [ma, mb] = [mean([...a]), mean([...b])];
  let [ab, aa, bb] = [0, 0, 0];
  for (let v = 0; v < a.length; v++) {
    ab += (a[v]! - ma) * (b[v]! - mb);
    aa += (a[v]! - ma) ** 2;
    bb += (b[v]! - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

describe("a study", () => {
  it("is elsewhere shifted in age, scanners and severity", () => {
    const here = drawStudy({ ...options, groups: { AD: 80, CN: 80 } });
    const there = drawStudy({ ...options, groups: { AD: 80, CN: 80 }, external: true });
    const ages = (people: readonly StudyPerson[]) => mean(people.map(({ patient }) => patient.ageYears));
    const severity = (people: readonly StudyPerson[]) =>
      mean(people.filter((p) => p.patient.course.group === "AD").map((p) => p.patient.course.severity));
    expect(ages(there)).toBeGreaterThan(ages(here) + 3);
    expect(severity(there)).toBeLessThan(severity(here) - 0.03);
    const sites = new Set(there.map(({ scanner }) => scanner.site));
    expect(here.some(({ scanner }) => sites.has(scanner.site))).toBe(false);
    expect(there.every(({ id }) => /^sub-ext\d{3}$/.test(id))).toBe(true);
  });

  it("has the groups that it was asked for, mixed", () => {
    const people = drawStudy({ ...options, groups: { AD: 4, LMCI: 2, EMCI: 3, CN: 4 } });
    const count = (name: string) => people.filter(({ patient }) => patient.course.diagnosis === name).length;
    expect(["AD", "LMCI", "EMCI", "CN"].map(count)).toEqual([4, 2, 3, 4]);
    expect(new Set(people.slice(0, 5).map(({ patient }) => patient.course.diagnosis)).size).toBeGreaterThan(
      2,
    );
    expect(evenGroups(10)).toEqual({ CN: 3, AD: 3, sMCI: 2, pMCI: 2 });
  });

  it("has its field of view around the brain, or the temporal lobes when that is small", () => {
    expect(studyGrid({ grid: 48, spacingMm: 4 }).affine[11]).toBe(15 - 94);
    expect(studyGrid({ grid: 48, spacingMm: 2 }).affine[11]).toBe(-47);
  });

  it.each([
    [{ groups: { AD: -1 } }, /numbers of subjects are not possible/],
    [{ months: [6, 12] }, /months of the visits.*Found 6, 12/],
    [{ months: [0, 12, 12] }, /months of the visits/],
    [{ grid: 4 }, /grid is not possible.*8 to 256/],
    [{ spacingMm: 0 }, /voxel size is not possible/],
    [{ sites: 0 }, /number of sites/],
    [{ missedVisits: 1 }, /missed visits/],
  ] as const)("is refused with %j", (change, message) => {
    expect(() => drawStudy({ ...options, ...change })).toThrow(message);
  });

  it("is written as a BIDS data set that is read back, with its true volumes", async () => {
    const folder = join(mkdtempSync(join(tmpdir(), "gyrus-study-")), "study");
    const done: number[] = [];
    const made = await writeStudy(folder, {
      ...options,
      groups: { AD: 1, CN: 1, sMCI: 1, pMCI: 1 },
      months: [0, 24],
      grid: 20,
      spacingMm: 10,
      onProgress: (n) => done.push(n),
    });
    expect(done).toEqual([1, 2, 3, 4]);
    expect(made.visits).toBe(8);
    const table = await readSubjects(folder, { columns: { diagnosis: "group" } });
    expect(table.classes).toEqual(["CN", "sMCI", "pMCI", "AD"]);
    expect(table.rows.length).toBe(8);
    const [a, b] = table.rows.filter(({ subject }) => subject === "sub-001");
    expect(b!.ageYears! - a!.ageYears!).toBeCloseTo(2);
    expect(b!.months).toBe(24);
    const volumes = await readTable(join(made.truth, "volumes.tsv"));
    expect(volumes.rows.length).toBe(8);
    expect(Number(volumes.rows[0]!.hippocampus_left_ml)).toBeGreaterThan(1);
    expect(readFileSync(join(folder, "README"), "utf8")).toContain("nobody has these diagnoses");
    await expect(writeStudy(folder, options)).rejects.toThrow(/not empty/);
  });
});
