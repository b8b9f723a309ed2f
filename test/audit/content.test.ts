import { describe, expect, it } from "vitest";
import { auditSeen, see } from "../../src/audit/audit.js";
import { checkContent } from "../../src/audit/check-content.js";
import { describeImage, mirrored } from "../../src/audit/describe.js";
import { headFrame } from "../../src/audit/head-frame.js";
import { findLimit } from "../../src/audit/limit.js";
import { likeness } from "../../src/audit/whiten.js";
import { rng } from "../../src/core/rng.js";
import { changedCopy } from "../../src/studies/audit/copies.js";
import type { ImageVolume } from "../../src/volume/volume.js";
import { head, seenSlice, slice } from "./heads.js";

const heads = Array.from({ length: 16 }, (_, n) => n);
const options = { falseAlarms: 0.01, mirror: true };
const collection = { name: "scene", kind: "folder", items: [], notes: [] };

async function scene(partOf: (index: number, at: number) => "train" | "test") {
  return Promise.all(heads.flatMap((n) => [0, 1, 2, 3, 4, 5].map((at) => seenSlice(n, at, partOf(n, at)))));
}

/** Shifted by whole pixels and in other units. */
function moved({ data, size, affine, channels }: ImageVolume, by: number, gain: number): ImageVolume {
  const [ni, nj] = size;
  const out = new Float32Array(data.length);
  for (let j = 0; j < nj; j++)
    for (let i = 0; i < ni; i++) out[j * ni + i] = gain * (data[j * ni + ((i + by + ni) % ni)] ?? 0) + 7;
  return { data: out, size, affine, channels };
}

describe("one head on both sides, by the images themselves", () => {
  it("is found where slices are dealt at random, and every pair is of one head", async () => {
    const random = rng(1);
    const { result, pairs } = checkContent(
      await scene(() => (random.chance(0.25) ? "test" : "train")),
      options,
    );
    expect(result.status).toBe("found");
    expect(pairs.length).toBeGreaterThan(8);
    for (const { held, training } of pairs)
      expect(held.item.id.split("-")[0]).toBe(training.item.id.split("-")[0]);
  });

  it.each([
    [20, 3],
    [12, 8],
    [60, 2],
  ])(
    "is as likely to be found where pairs of one head are a good part of all: %i heads of %i slices",
    (count, each) => {
      const random = rng(count);
      const direction = (): Float32Array => {
        const values = Float32Array.from({ length: 160 }, () => random.normal());
        const length = Math.hypot(...values);
        return values.map((value) => value / length);
      };
      // Neighbours have a likeness of about 0.6, as slices of real heads 2 mm apart, different heads none.
      const vectors = Array.from({ length: count }, () => {
        const slices = [direction()];
        while (slices.length < each) {
          const [last, other] = [slices.at(-1)!, direction()];
          slices.push(last.map((value, v) => 0.6 * value + 0.8 * other[v]!));
        }
        return slices;
      }).flat();
      const found = findLimit(
        vectors,
        vectors.map(() => undefined),
        700,
        0.005,
      )!;
      expect(found.limit).toBeLessThan(0.5);
      expect(found.limit).toBeGreaterThan(0.3);
      expect(found.alike).toBeGreaterThan(0.8 * count * (each - 1));
    },
  );

  it("is not said to be absent where copies alone would be taken for one head", async () => {
    const seen = await scene((_, at) => (at % 3 === 0 ? "test" : "train"));
    const few = seen.filter(({ item }) => Number(item.id.split("-")[0]) < 3);
    const { result } = checkContent(few, options);
    expect(result.details).toContain("too few heads to say how alike different ones are");
    expect(result.status).toBe("not-checked");
  });

  it("is not found where heads are dealt", async () => {
    const seen = await scene((n) => (n % 5 === 0 ? "test" : "train"));
    const { result, pairs } = checkContent(seen, options);
    expect(pairs).toEqual([]);
    expect(result).toMatchObject({ status: "clean", findings: [] });
    expect(result.details).toMatch(
      /^96 slices, \d+ comparisons across the split: \d+ pairs of different heads have a likeness below 0\.\d\d in 99 of 100 cases; the limit for all comparisons together is \d\.\d\d\.$/,
    );
  });

  it("says so where no slice says anything about another one of its head", async () => {
    const apart = await Promise.all(heads.map((n) => seenSlice(n, 2, n % 5 === 0 ? "test" : "train")));
    const { result } = checkContent(apart, options);
    expect(result.status).toBe("not-checked");
    expect(result.details).toContain(
      "No two of them, on whatever sides, were recognised as one head: if several are of one, they lie too far apart",
    );
  });

  it("has nothing to recognise in slices of somebody else each", async () => {
    const named = await Promise.all(
      heads.map(async (n) => {
        const { item, ...seen } = await seenSlice(n, 2, n % 5 === 0 ? "test" : "train");
        return { ...seen, item: { ...item, subject: `head-${n}` } };
      }),
    );
    expect(checkContent(named, options).result).toMatchObject({ status: "clean", findings: [] });
  });

  it.each([1, 2, 3])("finds a changed copy among honest slices (%s)", async (seed) => {
    const seen = await scene((n) => (n % 5 === 0 ? "test" : "train"));
    const copy = await see({ id: "copy", part: "train" }, changedCopy(slice(5, 3), rng(seed)));
    const { pairs } = checkContent([...seen, copy], options);
    expect(pairs.map(({ training }) => training.item.id)).toContain("copy");
    expect(pairs.every(({ held }) => held.item.id.startsWith("5-"))).toBe(true);
  });

  it("finds a mirrored copy, unless that is not looked for", async () => {
    const seen = await scene((n) => (n % 5 === 0 ? "test" : "train"));
    const { data, size, affine } = slice(10, 2);
    const turned = Float32Array.from(data, (_, v) => data[v - (v % size[0]) + size[0] - 1 - (v % size[0])]!);
    const all = [
      ...seen,
      await see({ id: "copy", part: "train" }, { data: turned, size, affine, channels: 1 }),
    ];
    const { pairs } = checkContent(all, options);
    expect(pairs[0]).toMatchObject({ mirrored: true, training: { item: { id: "copy" } } });
    expect(pairs[0]!.words).toMatch(/^a (near )?copy, mirrored: likeness /);
    expect(checkContent(all, { ...options, mirror: false }).pairs).toEqual([]);
  });

  it("finds equal images even where there are only two, and does not mind blank ones", async () => {
    const blank = { ...slice(0, 0), data: new Float32Array(slice(0, 0).data.length) };
    const { result, pairs } = checkContent(
      [
        await seenSlice(0, 0, "train"),
        await see({ id: "again", part: "test" }, slice(0, 0)),
        await see({ id: "b1", part: "train" }, blank),
        await see({ id: "b2", part: "test" }, blank),
      ],
      options,
    );
    expect(pairs.map(({ held, training, words }) => [held.item.id, training.item.id, words])).toEqual([
      ["again", "0-0", "equal voxel by voxel"],
    ]);
    expect(result.status).toBe("found");
    expect(result.details).toContain("2 images of one value were not compared.");
    expect(result.details).toContain(
      "With fewer than 12 images of a kind on two sides, or images of one subject alone, only equality is checked.",
    );
  });

  it("finds equal images that show no head", async () => {
    const { size, affine } = slice(0, 0);
    const data = new Float32Array(size[0] * size[1]);
    data[5] = 1;
    const speck = { data, size, affine, channels: 1 };
    const seen = [await see({ id: "a", part: "train" }, speck), await see({ id: "b", part: "test" }, speck)];
    const { result } = checkContent(seen, options);
    expect(seen[0]!.description).toBeUndefined();
    expect(result.status).toBe("found");
    expect(result.details).toContain("2 images without a head in them were compared for equality alone.");
  });

  it("sees heads whose background is not a number, as masked volumes have it", async () => {
    const masked = (image: ImageVolume): ImageVolume => ({
      ...image,
      data: image.data.map((value) => (value === 0 ? Number.NaN : value)),
    });
    const seen = await Promise.all(
      heads.map((n) => see({ id: `${n}`, part: n % 5 === 0 ? "test" : "train" }, masked(head(n)))),
    );
    const { data, ...rest } = head(10);
    const brighter = masked({ ...rest, data: data.map((value) => 2 * value) });
    const { pairs } = checkContent([...seen, await see({ id: "copy", part: "train" }, brighter)], options);
    expect(pairs.map(({ held, training }) => [held.item.id, training.item.id])).toEqual([["10", "copy"]]);
  });

  it("has nothing to compare with where all images are one subject's", async () => {
    const seen = await scene((_, at) => (at === 0 ? "test" : "train"));
    const own = seen.slice(0, 18).map((one) => ({ ...one, item: { ...one.item, subject: "sub-01" } }));
    const { result } = checkContent(own, options);
    // Only equality was asked for: that is no clean bill.
    expect(result).toMatchObject({ status: "not-checked", findings: [] });
    expect(result.details).toMatch(
      /^18 slices\. .* images of one subject alone, only equality is checked\.$/,
    );
  });

  it("looks between the folds that are trained on in turn", async () => {
    // Head 3 has slices in folds 0 and 1, head 7 in fold 2 and in the test set; everybody else is in one place.
    const sideOf = (n: number, at: number) =>
      n === 15 || (n === 7 && at > 2) ? undefined : n === 3 ? at % 2 : n % 3;
    const seen = await Promise.all(
      heads.flatMap((n) =>
        [0, 1, 2, 3, 4, 5].map((at) => {
          const fold = sideOf(n, at);
          return fold === undefined
            ? seenSlice(n, at, "test")
            : seenSlice(n, at, "train", { fold: n === 7 ? 2 : fold });
        }),
      ),
    );
    const copy = await see({ id: "again", part: "train", fold: 2 }, slice(12, 1));
    const { result, pairs } = checkContent([...seen, copy], options);
    const statements = result.findings.map(({ statement }) => statement);
    expect(statements).toContain("1 images of one fold are in another one voxel by voxel");
    expect(statements.some((one) => /^[123] of 9 held-out slices show a head/.test(one))).toBe(true);
    expect(
      statements.some((one) =>
        /^\d slices of one fold show a head that is in another one as well$/.test(one),
      ),
    ).toBe(true);
    for (const { held, training } of pairs.filter(({ training: { item } }) => item.id !== "again"))
      expect(held.item.id === "again" ? "12" : held.item.id.split("-")[0]).toBe(
        training.item.id.split("-")[0],
      );
    expect(pairs.find(({ held }) => held.item.id === "again")!.words).toBe(
      "equal voxel by voxel, folds 2 and 0",
    );
    // Without the folds' numbers only the test set is held out.
    const plain = seen.map((one) => ({ ...one, item: { id: one.item.id, part: one.item.part } }));
    expect(checkContent(plain, options).pairs.every(({ held }) => held.item.part === "test")).toBe(true);
  });

  it("says how many held-out images it compared where there are too many", async () => {
    const seen = await scene((n) => (n % 5 === 0 ? "test" : "train"));
    const most = { ...options, mostComparisons: 1000 };
    const { result } = checkContent(seen, most);
    // 24 held out, 72 in training, mirror images as well: 3456 comparisons.
    expect(result.details).toMatch(
      /^96 slices, 864 comparisons .* Only 6 of 24 held-out slices were compared\.$/,
    );
    const leaky = seen.map((one) => ({
      ...one,
      item: { ...one.item, part: one.item.id.endsWith("3") ? ("test" as const) : ("train" as const) },
    }));
    const { findings } = checkContent(leaky, most).result;
    expect(findings[0]!.statement).toMatch(/^\d of 6 held-out slices that were compared show a head/);
  });

  it("compares volumes with volumes: a repeat of one head among others", async () => {
    const seen = await Promise.all(
      heads.map(async (n) => see({ id: `v${n}`, part: n % 4 === 0 ? "test" : "train" }, head(n))),
    );
    expect(checkContent(seen, options).result.status).toBe("clean");
    const repeat = { ...head(4), data: head(4).data.map((value, v) => 0.5 * value + 20 * Math.sin(v)) };
    const { pairs } = checkContent([...seen, await see({ id: "repeat", part: "train" }, repeat)], options);
    expect(pairs.map(({ held, training }) => [held.item.id, training.item.id])).toEqual([["v4", "repeat"]]);
  });

  it("tells pairs with different identifiers: one of them is wrong", async () => {
    const seen = await scene((n) => (n % 5 === 0 ? "test" : "train"));
    const named = seen.map((one) => ({ ...one, item: { ...one.item, subject: one.item.id.split("-")[0]! } }));
    const copy = await see({ id: "copy", part: "train", subject: "somebody" }, moved(slice(5, 3), 3, 2));
    const { audit } = auditSeen(collection, [...named, copy]);
    expect(audit.found).toBe(true);
    const [finding] = audit.checks.flatMap((check) => check.findings);
    expect(finding!.statement).toMatch(
      /held-out slices show a head that is in training as well; \d pairs have different identifiers/,
    );
  });
});

describe("the description of an image", () => {
  it("is the same when it is shifted and in other units, and turns over with its mirror image", () => {
    const one = describeImage(slice(1, 2))!;
    const cosine = (a: Float32Array, b: Float32Array) =>
      likeness(a, b) / Math.sqrt(likeness(a, a) * likeness(b, b));
    expect(cosine(one.values, describeImage(moved(slice(1, 2), 4, 3))!.values)).toBeGreaterThan(0.98);
    expect(mirrored({ kind: "slice", values: mirrored(one) })).toEqual(one.values);
  });

  it("knows where a disc lies and how it is turned", () => {
    const [width, height] = [64, 48];
    const data = new Float32Array(width * height);
    const turn = 0.3;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [u, w] = [x - 30, y - 22];
        const [a, b] = [u * Math.cos(turn) + w * Math.sin(turn), -u * Math.sin(turn) + w * Math.cos(turn)];
        if ((a / 20) ** 2 + (b / 12) ** 2 < 1) data[y * width + x] = 100;
      }
    const frame = headFrame({ data, width, height })!;
    expect(frame.x).toBeCloseTo(30, 1);
    expect(frame.y).toBeCloseTo(22, 1);
    expect(frame.angle).toBeCloseTo(turn, 1);
    expect(headFrame({ data: data.fill(3), width, height })).toBeUndefined();
  });
});
