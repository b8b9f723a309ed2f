import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { createServer, type Plugin, type ViteDevServer } from "vite";
import { findBrowser } from "../../scripts/browser.mjs";
import type * as Ours from "./page.js";

/** What a page needs before the browser gives it memory that threads share. */
export const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
} as const;

/**
 * WebGPU without a graphics card: the browser's own adapter in software. Without a sandbox, as everything here runs as
 * root in containers, and opens no page but ours.
 */
const flags = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--ignore-gpu-blocklist",
];

export interface OpenPage {
  readonly page: Page;
  /** Where the repository is served. */
  readonly url: string;
  /** False where the browser has no adapter, not even one in software. */
  readonly gpu: boolean;
  /** What the page complained of so far. */
  readonly complaints: readonly string[];
  /** Call a function of page.ts there. */
  call<Name extends keyof typeof Ours>(
    name: Name,
    ...words: Parameters<(typeof Ours)[Name]>
  ): Promise<Awaited<ReturnType<(typeof Ours)[Name]>>>;
  close(): Promise<void>;
}

/** Headless Chromium on an empty page, TypeScript served as it stands; or why there is none. */
export async function openPage(): Promise<OpenPage | { readonly reason: string }> {
  const found = findBrowser();
  if (found.path === undefined) return { reason: found.reason };
  const server = await serve();
  const url = `http://127.0.0.1:${(server.httpServer!.address() as AddressInfo).port}`;
  const browser = await launch(found);
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(`${url}/empty`);
  const gpu = await page.evaluate(async () => {
    const { gpu } = navigator as unknown as { gpu?: { requestAdapter(): Promise<unknown> } };
    return ((await gpu?.requestAdapter().catch(() => null)) ?? null) !== null;
  });
  return {
    page,
    url,
    gpu,
    complaints,
    // As text: the test runner would turn an import() in a function into a call of its own.
    call: (name, ...words) =>
      page.evaluate(
        `import("/test/browser/page.ts").then((ours) => ours.${name}(...${JSON.stringify(words)}))`,
      ),
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}

/** Start a browser that `findBrowser` found. */
export function launch({
  path,
  env,
}: {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}): Promise<Browser> {
  return chromium.launch({
    executablePath: path,
    args: flags,
    env: { ...(process.env as Record<string, string>), ...env },
  });
}

async function serve(): Promise<ViteDevServer> {
  const empty: Plugin = {
    name: "empty page",
    configureServer: (server) => {
      server.middlewares.use((request, response, next) => {
        if (request.url === "/favicon.ico") {
          response.writeHead(204).end();
        } else if (request.url === "/empty") {
          response
            .writeHead(200, { "Content-Type": "text/html", ...isolation })
            .end("<!doctype html><title>Gyrus</title>");
        } else next();
      });
    },
  };
  const server = await createServer({
    root: fileURLToPath(new URL("../../", import.meta.url)),
    configFile: false,
    appType: "custom",
    logLevel: "error",
    // ml-matrix is written for `require`; nothing else is bundled.
    optimizeDeps: { noDiscovery: true, include: ["ml-matrix"] },
    server: { host: "127.0.0.1", port: 0, watch: null, hmr: false, ws: false, headers: isolation },
    plugins: [empty],
  });
  return server.listen();
}
