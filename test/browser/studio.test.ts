import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";
import { afterAll, describe, expect, it } from "vitest";
import { findBrowser } from "../../scripts/browser.mjs";
import { launch } from "./open.js";

const found = findBrowser();
const title = `the studio${found.path === undefined ? `, skipped because of the browser: ${found.reason}` : ""}`;
const steps = 24;

async function open(path: Exclude<typeof found, { reason: string }>) {
  const server = await createServer({
    configFile: fileURLToPath(new URL("../../studio/vite.config.ts", import.meta.url)),
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0, watch: null, hmr: false },
  });
  await server.listen();
  const browser = await launch(path);
  const page = await browser.newPage({ viewport: { width: 1100, height: 1050 } });
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(`http://127.0.0.1:${(server.httpServer!.address() as AddressInfo).port}/`);
  await page.waitForSelector("#device option", { state: "attached" });
  const close = async (): Promise<void> => {
    await browser.close();
    await server.close();
  };
  return { page, errors, close };
}

const opened = found.path === undefined ? undefined : await open(found);
afterAll(async () => opened?.close());

describe.skipIf(opened === undefined)(title, () => {
  const { page, errors } = opened!;

  it("offers what there is, and says what it does", async () => {
    expect(await page.locator("h1").textContent()).toBe("Train a network in this page");
    expect(await page.locator("#device option").allTextContents()).toEqual([
      expect.stringMatching(/^the processor \(WebAssembly, \d threads\)$/),
      expect.stringMatching(/^the graphics card \(/),
    ]);
    expect(await page.locator("#legend li").allTextContents()).toContain("white matter");
  });

  it(`trains ${steps} steps: the loss falls, the picture is there, the page answers`, {
    timeout: 120_000,
  }, async () => {
    // In words of the page, since the test runner rewrites functions.
    await page.evaluate(`
      globalThis.losses = [];
      globalThis.frames = 0;
      new MutationObserver(() => losses.push(Number(document.getElementById("loss").textContent)))
        .observe(document.getElementById("loss"), { childList: true });
      const count = () => { frames++; requestAnimationFrame(count); };
      count();`);
    await page.fill("#steps", String(steps));
    await page.click("#start");
    await page.waitForSelector("#status:has-text('Training'), #status.wrong", { timeout: 60_000 });
    expect(await page.textContent("#status")).toContain("Training");
    const before = Number(await page.evaluate("frames"));
    await page.waitForSelector("#status:has-text('Done'), #status.wrong", { timeout: 60_000 });
    expect(await page.textContent("#status")).toBe(`Done: ${steps} steps.`);
    expect(Number(await page.evaluate("frames")) - before).toBeGreaterThan(10);

    const losses = ((await page.evaluate("losses")) as number[]).filter((loss) => loss > 0);
    expect(losses.length).toBe(steps);
    expect(losses.at(-1)!).toBeLessThan(0.8 * losses[0]!);
    expect(await page.textContent("#step")).toBe(String(steps));
    expect(Number(await page.textContent("#dice"))).toBeGreaterThan(0.1);
    const drawn = String(await page.locator("#curve svg [aria-label=line] path").first().getAttribute("d"));
    expect(drawn.split(/[LC]/).length).toBeGreaterThan(steps / 2);
    // Grey pixels have three equal channels; labels over them do not.
    const coloured = (id: string): Promise<number> =>
      page.evaluate(`(() => {
        const canvas = document.getElementById("${id}");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let at = 0; at < data.length; at += 4) if (Math.abs(data[at] - data[at + 1]) > 20 || Math.abs(data[at] - data[at + 2]) > 20) count++;
        return count / (data.length / 4);
      })()`);
    expect(await coloured("scan")).toBe(0);
    expect(await coloured("overlay")).toBeGreaterThan(0.1);
  });

  it("stops when asked, and can start again", { timeout: 60_000 }, async () => {
    await page.fill("#steps", "2000");
    await page.click("#start");
    await page.waitForSelector("#status:has-text('Training')", { timeout: 60_000 });
    await page.click("#stop");
    expect(await page.textContent("#status")).toMatch(/^Stopped after \d+ steps\.$/);
    expect(await page.isEnabled("#start")).toBe(true);
    expect(errors).toEqual([]);
  });
});
