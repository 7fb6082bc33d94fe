// Runs the client's own tests (tests/client) with node's test runner: bundled, because node reads no TypeScript.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const WEB = dirname(fileURLToPath(import.meta.url));
const TESTS = join(WEB, "..", "tests", "client");
const out = mkdtempSync(join(tmpdir(), "poruch-client-"));

try {
  const entryPoints = readdirSync(TESTS).filter((name) => name.endsWith(".test.ts")).map((name) => join(TESTS, name));
  await build({
    absWorkingDir: WEB,
    entryPoints,
    outdir: out,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    sourcemap: "inline",
    nodePaths: [join(WEB, "node_modules")],
    define: { PORUCH_LOCALES: "{}" },
    logLevel: "warning",
  });
  const files = readdirSync(out).map((name) => join(out, name));
  process.exitCode = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" }).status ?? 1;
} finally {
  rmSync(out, { recursive: true });
}
