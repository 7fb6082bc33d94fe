// Builds bench/frames_worker.ts to one script: `node bench/frames_worker.mjs OUT [REPLACEMENT]`, the second of them in the place
// of the client's pipeline, for the same worker without encryption.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const BENCH = dirname(fileURLToPath(import.meta.url));
const WEB = join(BENCH, "..", "web");
const { build } = createRequire(join(WEB, "package.json"))("esbuild");
const [outfile, replacement] = process.argv.slice(2);

await build({
  absWorkingDir: WEB,
  entryPoints: [join(BENCH, "frames_worker.ts")],
  bundle: true,
  format: "iife",
  target: ["chrome90", "firefox102", "safari15"],
  minify: true,
  nodePaths: [join(WEB, "node_modules")],
  outfile,
  plugins: [
    {
      name: "instead",
      setup(builder) {
        if (replacement === undefined) return;
        builder.onResolve({ filter: /e2ee\/pipeline$/ }, () => ({ path: join(BENCH, "..", replacement) }));
      },
    },
  ],
  logLevel: "warning",
});
