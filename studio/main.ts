import * as Plot from "@observablehq/plot";
import { tissues, trainingHeads } from "./data.js";
import type { News, Wish } from "./messages.js";
import { colorOf, drawSlice } from "./picture.js";

/** Steps that one point of the strong line averages over. */
const smoothing = 9;

const part = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const device = part<HTMLSelectElement>("device");
const slice = part<HTMLInputElement>("slice");
const start = part<HTMLButtonElement>("start");
const stop = part<HTMLButtonElement>("stop");
const threads = crossOriginIsolated ? Math.max(1, Math.min(4, navigator.hardwareConcurrency)) : 1;

let worker: Worker | undefined;
let losses: number[] = [];
let ready: (News & { kind: "ready" }) | undefined;
let view: (News & { kind: "view" }) | undefined;
let steps = 0;
let seconds: number[] = [];
/** When the curve was last drawn, in milliseconds. */
let drawnAt = 0;

await offerDevices();
part("legend").append(
  ...tissues.slice(1).map((name, at) => {
    const entry = document.createElement("li");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = colorOf(at + 1);
    entry.append(swatch, name);
    return entry;
  }),
);
drawCurve();

part<HTMLFormElement>("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  begin({
    device: device.value as Wish["device"],
    threads,
    seed: part<HTMLInputElement>("seed").valueAsNumber,
    steps: part<HTMLInputElement>("steps").valueAsNumber,
  });
});
stop.addEventListener("click", () => end(`Stopped after ${losses.length} steps.`));
slice.addEventListener("input", drawPictures);

/** Where training can run here. What cannot is shown, and why. */
async function offerDevices(): Promise<void> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  const many = threads === 1 ? "1 thread" : `${threads} threads`;
  device.append(new Option(`the processor (WebAssembly, ${many})`, "wasm"));
  const graphics = new Option(
    adapter ? "the graphics card (WebGPU)" : "the graphics card (this browser offers no WebGPU)",
    "webgpu",
  );
  graphics.disabled = !adapter;
  device.append(graphics);
}

function begin(wish: Wish): void {
  [losses, seconds, ready, view, steps] = [[], [], undefined, undefined, wish.steps];
  for (const id of ["step", "loss", "dice", "pace"]) part(id).textContent = "–";
  [start.disabled, stop.disabled] = [true, false];
  say(`Simulating ${trainingHeads + 1} heads …`);
  worker = new Worker(new URL("./train.worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<News>) => hear(data);
  worker.onerror = (event) => end(event.message || "The worker could not be started.", true);
  worker.postMessage(wish);
}

function end(words: string, wrong = false): void {
  worker?.terminate();
  worker = undefined;
  [start.disabled, stop.disabled] = [false, true];
  say(words, wrong);
}

function say(words: string, wrong = false): void {
  part("status").textContent = words;
  part("status").classList.toggle("wrong", wrong);
}

function hear(news: News): void {
  if (news.kind === "heads") {
    part<HTMLProgressElement>("progress").value = (0.1 * news.done) / news.total;
    if (news.done === news.total) say("Preparing the network …");
  } else if (news.kind === "ready") {
    ready = news;
    const parameters = news.parameters.toLocaleString("en");
    say(`Training a U-Net of ${parameters} parameters, prepared in ${news.secondsToCompile.toFixed(1)} s.`);
    drawPictures();
  } else if (news.kind === "step") hearStep(news);
  else if (news.kind === "view") {
    view = news;
    part("dice").textContent = news.dice.toFixed(2);
    drawPictures();
  } else if (news.kind === "done") end(`Done: ${losses.length} steps.`);
  else end(news.message, true);
}

function hearStep(news: News & { kind: "step" }): void {
  losses.push(news.loss);
  seconds.push(news.seconds);
  part<HTMLProgressElement>("progress").value = 0.1 + (0.9 * news.step) / steps;
  part("step").textContent = `${news.step}`;
  part("loss").textContent = news.loss.toFixed(2);
  const recent = seconds.slice(-20).sort((a, b) => a - b);
  part("pace").textContent = `${(1000 * recent[recent.length >> 1]!).toFixed(0)} ms`;
  // Ten times a second at most: drawing must not slow training down.
  if (performance.now() - drawnAt > 100 || news.step === steps) drawCurve();
}

function drawCurve(): void {
  drawnAt = performance.now();
  const points = losses.map((loss, at) => ({ step: at + 1, loss }));
  const plot = Plot.plot({
    width: 520,
    height: 340,
    marginLeft: 46,
    style: { fontSize: "12px", background: "none" },
    x: { label: "step", domain: [0, Math.max(10, losses.length)], ticks: 6, tickFormat: "d" },
    y: { label: "loss", domain: [0, Math.max(1, ...losses)], grid: true, ticks: 6 },
    marks: [
      Plot.ruleY([0], { strokeOpacity: 0.4 }),
      Plot.lineY(points, { x: "step", y: "loss", stroke: "var(--accent)", strokeOpacity: 0.3 }),
      Plot.lineY(
        points,
        Plot.windowY(
          { k: smoothing, anchor: "middle" },
          { x: "step", y: "loss", stroke: "var(--accent)", strokeWidth: 2.2 },
        ),
      ),
    ],
  });
  plot.setAttribute("aria-label", "Loss over the steps of training");
  part("curve").replaceChildren(plot);
}

function drawPictures(): void {
  if (ready === undefined) return;
  const at = slice.valueAsNumber;
  drawSlice(part<HTMLCanvasElement>("scan"), ready.slices, at, ready.image);
  const labels = view && { truth: ready.truth, prediction: view.prediction };
  drawSlice(part<HTMLCanvasElement>("overlay"), ready.slices, at, ready.image, labels);
}
