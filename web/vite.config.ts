import { defineConfig } from "vite";

// The bundle goes into the Python package, which serves it (protocols/http/static.py). `npm run dev` serves the sources with
// a running `holdfast up` behind them.
export default defineConfig({
  build: {
    outDir: "../src/holdfast/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "es2022",
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  server: { proxy: { "/api": process.env.HOLDFAST ?? "http://127.0.0.1:7434" } },
});
