// Builds the call page and lists every file that it loads, by SHA-256, so that anybody can compare it with what a server delivers.
// `--server=https://…`: as it is for a static host that belongs to that server. `--to=DIR`: puts just these files there.
// `--phone=…`: the telephone number for help that stands in the page.
// Any other option goes to build.mjs.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const WEB = dirname(fileURLToPath(import.meta.url));
const TEXT = /\.(html|js|css|json)$/;
const GOAL_KB = 150;

const ours = process.argv.slice(2);
const to = ours.find((word) => word.startsWith("--to="))?.slice("--to=".length);
const built = mkdtempSync(join(tmpdir(), "poruch-release-"));

const hash = (algorithm, bytes, form) => createHash(algorithm).update(bytes).digest(form);

/** The page, and whatever any file among them names: each built file's name holds its hash, so a name is no accident. */
function loaded(folder) {
  const names = readdirSync(folder, { recursive: true }).map((name) => name.replaceAll("\\", "/"));
  const others = names.filter((name) => name.includes(".") && !/\.(map|txt|html)$|^manifest\.json$/.test(name));
  const found = ["call.html"];
  for (const name of found) {
    if (!TEXT.test(name)) continue;
    const text = readFileSync(join(folder, name), "utf8");
    found.push(...others.filter((other) => !found.includes(other) && text.includes(other)));
  }
  return found.sort();
}

/** A host needs the page, and beside it the files in `static`. */
function copy(files, folder) {
  if (existsSync(folder) && readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
  for (const file of files) {
    const place = file === "call.html" ? join(folder, file) : join(folder, "static", file);
    mkdirSync(dirname(place), { recursive: true });
    copyFileSync(join(built, file), place);
  }
}

try {
  const options = ours.filter((word) => !word.startsWith("--to="));
  const build = spawnSync(process.execPath, [join(WEB, "build.mjs"), ...options, `--out=${built}`], { stdio: "inherit" });
  if (build.status !== 0) process.exit(build.status ?? 1);
  const files = loaded(built);
  for (const file of files) {
    const bytes = readFileSync(join(built, file));
    const address = file === "call.html" ? "call" : `static/${file}`;
    console.log(`${hash("sha256", bytes, "hex")}  ${address}  sha384-${hash("sha384", bytes, "base64")}`);
  }
  if (to !== undefined) copy(files, to);
  const weigh = (pattern) => files.filter((file) => pattern.test(file)).map((file) => gzipSync(readFileSync(join(built, file)), { level: 9 }).length);
  const kb = (sizes) => (sizes.reduce((sum, size) => sum + size, 0) / 1000).toFixed(1);
  const worker = kb(weigh(/^e2ee-worker-native/));
  console.error(`Script on first load: ${kb(weigh(/^call\..*\.js$/))} kB gzipped (goal: under ${GOAL_KB}); the encrypting worker, when the device check begins: ${worker} kB.`);
} finally {
  rmSync(built, { recursive: true });
}
