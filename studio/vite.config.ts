import { defineConfig } from "vite";

/** Threads of WebAssembly share memory, which a browser allows to pages that are isolated from others only. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  root: import.meta.dirname,
  server: { port: 5183, headers, fs: { allow: [".."] } },
  preview: { headers },
  worker: { format: "es" },
  build: { outDir: "dist", target: "es2022" },
  optimizeDeps: { include: ["@observablehq/plot"], exclude: ["onnxruntime-web"] },
});
