// Builds web/dist: hashed scripts and styles, message catalogs for the client, the static call page, and a manifest of names.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { readCatalog } from "./catalog.mjs";

const WEB = dirname(fileURLToPath(import.meta.url));
const elsewhere = process.argv.find((word) => word.startsWith("--out="))?.slice("--out=".length);
// Built aside and moved at the end, so that a server that is running never sees half a build.
const DIST = elsewhere ?? join(WEB, `.dist-${process.pid}`);
const readable = process.argv.includes("--readable");
// For a static host elsewhere: the address of the server that its call page belongs to.
const server = process.argv.find((word) => word.startsWith("--server="))?.slice("--server=".length) ?? "";
if (server && new URL(server).origin !== server) throw new Error(`--server=${server} is not like https://poruch.example.org`);
// The telephone number for help, where a static host or somebody who compares builds the page; a server writes its own.
const phone = process.argv.find((word) => word.startsWith("--phone="))?.slice("--phone=".length) ?? "";
// Switches that only tests may have, such as the older way to encoded frames; never in what people get.
const forTests = process.argv.includes("--for-tests");
// `--instead=client/a=../tests/b.ts`: a test's module in the place of one of ours, which knows nothing of it.
const [replaced, replacement] = process.argv.find((word) => word.startsWith("--instead="))?.split("=").slice(1) ?? [];

const TARGET = ["chrome90", "firefox102", "safari15"];

const manifest = {};
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 10);
const integrity = (file) => `sha384-${createHash("sha384").update(readFileSync(join(DIST, file))).digest("base64")}`;

function put(logical, bytes) {
  const extension = extname(logical);
  const name = `${logical.slice(0, -extension.length)}.${digest(bytes)}${extension}`;
  mkdirSync(dirname(join(DIST, name)), { recursive: true });
  writeFileSync(join(DIST, name), bytes);
  manifest[logical] = name;
  return name;
}

function catalogs() {
  const files = {};
  const folder = join(WEB, "locale");
  for (const language of existsSync(folder) ? readdirSync(folder).sort() : []) {
    const source = join(folder, language, "LC_MESSAGES", "poruch.po");
    if (!existsSync(source)) continue;
    const messages = readCatalog(readFileSync(source, "utf8"), (reference) => reference.startsWith("web/client/"));
    files[language] = put(`locale/${language}.json`, JSON.stringify(messages));
  }
  return files;
}

function copyStatic() {
  const folder = join(WEB, "static");
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder, { recursive: true })) {
    const path = join(folder, name);
    if (statSync(path).isFile()) put(name.replaceAll("\\", "/"), readFileSync(path));
  }
}

// GOV.UK Frontend's code may be used by anyone, its font may not: our own takes its place before anything is bundled.
const ownFont = {
  name: "own-font",
  setup(builder) {
    builder.onLoad({ filter: /govuk-frontend.*\.css$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8")
        .replace(/\/\*![^*]*Calvert[^*]*\*\//g, "")
        .replace(/@font-face\{[^}]*\}/g, "")
        .replace(/"?GDS Transport"?/g, '"Golos Text Variable"')
        // A way to reach old browsers only, which esbuild warns about.
        .replace(/@media screen\\0 and \([^)]*\)\{[^}]*\}\}/g, "");
      return { contents: text, loader: "css" };
    });
  },
};

const instead = {
  name: "instead",
  setup(builder) {
    if (replaced === undefined) return;
    builder.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) =>
      join(resolveDir, path) === join(WEB, replaced) ? { path: join(WEB, replacement) } : null,
    );
  },
};

async function bundle(entries, define) {
  // esbuild's names depend on the way from its results to their sources: so that the same sources give the same names,
  // it is always told the same place, wherever the files go.
  const told = join(WEB, "dist");
  const result = await build({
    absWorkingDir: WEB,
    entryPoints: entries.filter((entry) => existsSync(join(WEB, entry))),
    outdir: told,
    outbase: WEB,
    write: false,
    entryNames: "[name].[hash]",
    assetNames: "[name].[hash]",
    bundle: true,
    format: "esm",
    target: TARGET,
    minify: !readable,
    sourcemap: "linked",
    legalComments: "linked",
    metafile: true,
    define,
    loader: { ".woff2": "file", ".svg": "file", ".png": "file" },
    external: ["/static/*", "/assets/*"],
    plugins: [ownFont, instead],
    logLevel: "warning",
  });
  for (const { path, contents } of result.outputFiles) {
    const file = join(DIST, relative(told, path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, contents);
  }
  for (const [path, output] of Object.entries(result.metafile.outputs)) {
    const file = relative(told, join(WEB, path));
    if (output.entryPoint) manifest[basename(output.entryPoint).replace(/\.ts$/, ".js")] = file;
    else if (/\.(woff2|svg|png)$/.test(file)) manifest[file.replace(/\.[A-Z0-9]{8}(\.\w+)$/, "$1")] = file;
  }
}

// Workers start from a blob, where nothing can be loaded beside them: each is one classic script.
async function workers() {
  const sources = { native: "client/e2ee/worker-native.ts", noble: "client/e2ee/worker-noble.ts" };
  const built = {};
  for (const [curves, entry] of Object.entries(sources)) {
    const result = await build({
      absWorkingDir: WEB,
      entryPoints: [entry],
      bundle: true,
      format: "iife",
      target: TARGET,
      minify: !readable,
      legalComments: "eof",
      plugins: [instead],
      write: false,
      logLevel: "warning",
    });
    const file = put(`e2ee-worker-${curves}.js`, result.outputFiles[0].contents);
    built[curves] = { file, integrity: integrity(file) };
  }
  return built;
}

// As server/files.py does it, to the byte.
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign]);

function callPage() {
  const source = readFileSync(join(WEB, "call.html"), "utf8").replace("%server%", server);
  const page = source.replace(/%(integrity:)?([\w./-]+)%/g, (_, wanted, logical) => {
    if (logical === "phone") return escaped(phone);
    const file = manifest[logical];
    if (file === undefined) throw new Error(`call.html names ${logical}, which was not built`);
    return wanted ? integrity(file) : file;
  });
  writeFileSync(join(DIST, "call.html"), page);
}

mkdirSync(DIST, { recursive: true });
copyStatic();
const define = {
  PORUCH_LOCALES: JSON.stringify(catalogs()),
  PORUCH_E2EE_WORKERS: JSON.stringify(await workers()),
  PORUCH_TEST_BUILD: JSON.stringify(forTests),
};
const scripts = ["client/call.ts", "client/site.ts", "client/devices-page.ts", "client/demo-page.ts", "client/appointment-page.ts", "client/person-page.ts", "client/verify-page.ts"];
const styles = ["styles/site.css", "styles/call.css", "styles/print.css"];
await bundle([...scripts, ...styles, ...(forTests ? ["../tests/browser/encryption_page.ts"] : [])], define);

callPage();
writeFileSync(join(DIST, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
if (elsewhere === undefined) {
  rmSync(join(WEB, "dist"), { recursive: true, force: true });
  renameSync(DIST, join(WEB, "dist"));
}
