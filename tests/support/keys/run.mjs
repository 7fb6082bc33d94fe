// Bundles the keys process out of the client's own modules, and becomes it.

import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const WEB = join(HERE, "..", "..", "..", "web");
const { build } = createRequire(join(WEB, "package.json"))("esbuild");

/** What cannot be as it is without a browser; our own files still reach the real ones. */
const INSTEAD = { "./start": "start.ts", "./keys": "told.ts" };
const instead = {
  name: "instead",
  setup: (builder) =>
    builder.onResolve({ filter: /^\.\/(start|keys)$/ }, ({ path, resolveDir }) =>
      resolveDir === join(WEB, "client", "e2ee") ? { path: join(HERE, INSTEAD[path]) } : null,
    ),
};

const folder = mkdtempSync(join(tmpdir(), "poruch-keys-"));
try {
  const outfile = join(folder, "process.mjs");
  await build({
    absWorkingDir: WEB,
    entryPoints: [join(HERE, "process.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    sourcemap: "inline",
    nodePaths: [join(WEB, "node_modules")],
    define: { PORUCH_TEST_BUILD: "true" },
    plugins: [instead],
    logLevel: "warning",
  });
  await import(pathToFileURL(outfile));
} finally {
  rmSync(folder, { recursive: true });
}
