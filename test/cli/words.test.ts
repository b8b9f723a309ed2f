import { CommanderError } from "commander";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { keyValue, numberWithin } from "../../src/cli/command.js";
import { labelNames } from "../../src/cli/dataset-options.js";
import { errorText, explainError } from "../../src/cli/exit.js";
import { interruptible } from "../../src/cli/interrupt.js";
import { formatBytes, formatScore, formatSeconds, formatTable, wrap } from "../../src/cli/print.js";
import { countingProgress, progressOn, trainedShare, trainingWords } from "../../src/cli/progress.js";
import type { Shell } from "../../src/cli/shell.js";
import { requireMirrored } from "../../src/cli/systems.js";
import { type ErrorKind, GyrusError } from "../../src/core/errors.js";
import { nearestTo, suggestionFor } from "../../src/core/suggest.js";
import { findSystem } from "../../src/systems/find.js";

function listening(): { shell: Shell; said: string[] } {
  const said: string[] = [];
  const shell = {
    json: false,
    quiet: false,
    debug: false,
    terminal: false,
    say: (s: string) => said.push(s),
  };
  return { shell: { ...shell, say: (line) => void said.push(line) }, said };
}

afterEach(() => vi.useRealTimers());

describe("errors", () => {
  const codes: Readonly<Record<ErrorKind, number>> = {
    "not-found": 2,
    "bad-file": 2,
    "bad-data": 2,
    geometry: 2,
    "bad-argument": 2,
    exists: 2,
    unsupported: 2,
    shape: 3,
    "non-finite": 3,
    memory: 3,
    disk: 3,
    runtime: 3,
  };

  it.each(Object.entries(codes))("of kind %s exit with %d", (kind, code) => {
    expect(explainError(new GyrusError(kind as ErrorKind, { what: "x" })).code).toBe(code);
  });

  it("that nobody foresaw are one line that asks for a report", () => {
    const { error, code } = explainError(new TypeError("x is not\na function"));
    expect(code).toBe(3);
    expect(errorText(error)).toBe(
      "gyrus: something went wrong that Gyrus did not foresee: this is a bug. Found TypeError: x is not a function. Please report this line with the command you typed, the same command's output with --debug, and what gyrus doctor says.",
    );
  });

  it("of the system are put into words", () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    expect(explainError(full)).toMatchObject({ code: 3, error: { kind: "disk", what: "the disk is full" } });
    const memory = new RangeError("Array buffer allocation failed");
    expect(explainError(memory)).toMatchObject({ code: 3, error: { kind: "memory" } });
  });

  it("of commander lose their own dress", () => {
    const thrown = new CommanderError(1, "commander.unknownOption", "error: unknown option '--x'");
    expect(explainError(thrown)).toMatchObject({ code: 2, error: { what: 'unknown option "--x"' } });
  });
});

describe("suggestions", () => {
  it("are the nearest word, and none where nothing is near", () => {
    expect(nearestTo("trian", ["train", "predict"])).toBe("train");
    expect(nearestTo("TINY", ["paper", "tiny"])).toBe("tiny");
    expect(nearestTo("segment", ["cyclegan", "segment-unet"])).toBe("segment-unet");
    expect(nearestTo("zzz", ["train", "predict"])).toBeUndefined();
    expect(suggestionFor("zzz", ["train", "predict"])).toBe("Choose one of: train, predict");
    expect(suggestionFor("zzz", [])).toBe("There is nothing to choose from");
  });

  it("undo one slip of the finger", () => {
    const words = ["train", "predict", "evaluate", "simulate"];
    fc.assert(
      fc.property(fc.constantFrom(...words), fc.nat(), fc.constantFrom("q", "z"), (word, at, letter) => {
        const place = 1 + (at % (word.length - 1));
        const slip = word.slice(0, place) + letter + word.slice(place + 1);
        expect(nearestTo(slip, words)).toBe(word);
      }),
    );
  });
});

describe("options", () => {
  it("take numbers within their limits only", () => {
    const parse = numberWithin("--n", { low: 1, high: 10, whole: true });
    expect([parse("1"), parse("10")]).toEqual([1, 10]);
    for (const text of ["0", "11", "1.5", "", " ", "ten", "NaN", "Infinity", "1e9"])
      expect(() => parse(text), text).toThrow(/--n: the value of an option is not possible/);
    expect(numberWithin("--m", { low: 0 })("0.25")).toBe(0.25);
    expect(() => numberWithin("--m", { low: 0 })("Infinity")).toThrow(/a number of at least 0/);
  });

  it("gather settings; the value may hold an equals sign", () => {
    expect(keyValue("b=x=y", keyValue("a = 1"))).toEqual({ a: "1", b: "x=y" });
    expect(() => keyValue("=1")).toThrow(/key=value/);
  });

  it("name labels by their value in the file", () => {
    expect(labelNames("1=anterior, 17 = left hippocampus")).toEqual({
      1: "anterior",
      17: "left hippocampus",
    });
    for (const text of ["", "anterior", "1=", "x=1", "1=a,,2=b"])
      expect(() => labelNames(text), text).toThrow(/--labels: .*1=anterior,2=posterior/);
  });
});

describe("--no-mirror", () => {
  it("is refused where no mirrored copies are averaged", () => {
    for (const name of ["segment-unet", "nnunet"]) requireMirrored(findSystem(name), false);
    for (const name of ["deeppet", "red-wgan", "smore", "voxcnn", "adcnn", "ad-svm"]) {
      expect(() => requireMirrored(findSystem(name), false)).toThrow(
        `--no-mirror: --no-mirror means nothing to ${name}, which averages over no mirrored copies. Leave it out.`,
      );
      requireMirrored(findSystem(name), true);
    }
  });
});

describe("printing", () => {
  it("aligns words to the left and numbers to the right", () => {
    const table = formatTable(
      [{ name: "label" }, { name: "Dice", right: true }],
      [
        ["CSF", "0.9"],
        ["white matter", "0.95"],
      ],
    );
    expect(table.split("\n")).toEqual([
      "label         Dice",
      "------------  ----",
      "CSF            0.9",
      "white matter  0.95",
    ]);
  });

  it("shows times, sizes and scores as people say them", () => {
    expect([0, 59.4, 60, 3599, 3600, 7500].map(formatSeconds)).toEqual([
      "0 s",
      "59 s",
      "1 min 0 s",
      "59 min 59 s",
      "1 h 0 min",
      "2 h 5 min",
    ]);
    expect([0, 512, 1024, 3.4 * 2 ** 20].map(formatBytes)).toEqual(["0 B", "512 B", "1.0 KiB", "3.4 MiB"]);
    expect([0.12345, null, undefined, Number.NaN].map((v) => formatScore(v))).toEqual([
      "0.123",
      "–",
      "–",
      "–",
    ]);
  });

  it("wraps between words and loses none", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1 }), (words) => {
        const lines = wrap(words.join(" "), 20, "  ").split("\n");
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(20);
        expect(lines.flatMap((line) => line.trim().split(" "))).toEqual(words);
      }),
    );
  });
});

describe("progress", () => {
  it("in a file is a line now and then, and always the last one", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const { shell, said } = listening();
    const progress = progressOn(shell);
    const show = countingProgress(progress, "case");
    for (let done = 1; done <= 100; done++) {
      show(done, 100);
      vi.advanceTimersByTime(300);
    }
    progress.stop();
    expect(said[0]).toMatch(/^ {2}1 % {2}case 1 of 100/);
    expect(said.at(-1)).toBe("100 %  case 100 of 100");
    expect(said.length).toBeGreaterThan(8);
    expect(said.length).toBeLessThan(14);
  });

  it("is silent with --json and --quiet", () => {
    for (const silent of [{ json: true }, { quiet: true }]) {
      const { shell, said } = listening();
      const progress = progressOn({ ...shell, ...silent });
      progress.show({ fraction: 1, words: "x" });
      progress.note("y");
      progress.stop();
      expect(said).toEqual([]);
    }
  });

  it("of a training says step, epoch, loss, score and time left", () => {
    const standing = { step: 20, totalSteps: 100, epoch: 2.4, loss: 0.51234, score: 0.8, secondsLeft: 65 };
    expect(trainingWords(standing)).toBe(
      "step 20/100, epoch 2, loss 0.5123, validation 0.800, 1 min 5 s left",
    );
    expect(trainedShare(standing, 35)).toBeCloseTo(0.35);
    expect(trainedShare({ ...standing, secondsLeft: Number.POSITIVE_INFINITY }, 35)).toBe(0.2);
  });
});

describe("Ctrl-C", () => {
  it("asks the work to stop, says so, and leaves no listener behind", async () => {
    const { shell, said } = listening();
    const before = process.listenerCount("SIGINT");
    const aborted = await interruptible(shell, "Saving.", async (signal) => {
      process.emit("SIGINT");
      return signal.aborted;
    });
    expect(aborted).toBe(true);
    expect(said).toEqual(["\nSaving. Press Ctrl-C again to stop at once."]);
    expect(process.listenerCount("SIGINT")).toBe(before);
  });

  it("a second time ends the process with 3", async () => {
    const { shell } = listening();
    const exit = vi.spyOn(process, "exit").mockImplementation((() => undefined) as () => never);
    await interruptible(shell, "Saving.", async () => {
      process.emit("SIGINT");
      process.emit("SIGINT");
    });
    expect(exit.mock.calls).toEqual([[3]]);
    exit.mockRestore();
  });
});
