// Canonical JSON (RFC 8785), the bytes that the ledger hashes; and base64, in which it carries hashes.

import { utf8, type Bytes } from "../e2ee/bytes";

export class EvidenceError extends Error {}

export type Plain = { [name: string]: unknown };

const DEEPEST = 64;

/** JavaScript's own spelling of numbers and texts is the one that RFC 8785 prescribes; only the order of keys is not. */
export function canonical(value: unknown): Bytes {
  return utf8(spell(value, DEEPEST));
}

function spell(value: unknown, levels: number): string {
  if (levels < 0) throw new EvidenceError("nested too deeply");
  if (Array.isArray(value)) return `[${value.map((each) => spell(each, levels - 1)).join(",")}]`;
  if (isPlain(value)) {
    const names = Object.keys(value).sort(); // by UTF-16 code units (RFC 8785 section 3.2.3)
    return `{${names.map((name) => `${text(name)}:${spell(value[name], levels - 1)}`).join(",")}}`;
  }
  if (typeof value === "string") return text(value);
  if (value === null || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) {
    return JSON.stringify(value);
  }
  throw new EvidenceError("not JSON");
}

/** Throws for half a surrogate pair, which has no UTF-8. */
function text(value: string): string {
  if (halfPair(value)) {
    throw new EvidenceError("half a character");
  }
  return JSON.stringify(value);
}

export function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object of a JSON text. */
export function parseObject(line: string): Plain {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new EvidenceError("not JSON");
  }
  if (!isPlain(value)) throw new EvidenceError("not an object");
  return value;
}

/** A whole number that every reader takes for the same. */
export function count(value: unknown, least = 0): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least) throw new EvidenceError("not a number");
  return value;
}

export function string(value: unknown): string {
  if (typeof value !== "string") throw new EvidenceError("not a text");
  return value;
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The bytes of the one right spelling (RFC 4648 section 4). */
export function fromBase64(value: unknown): Bytes {
  const given = string(value);
  try {
    const bytes = Uint8Array.from(atob(given), (each) => each.charCodeAt(0));
    if (toBase64(bytes) === given) return bytes;
  } catch {
    // told below
  }
  throw new EvidenceError("not base64");
}

/** Look-behind is missing in older Safari, so pairs are taken out first. */
function halfPair(value: string): boolean {
  return /[\ud800-\udfff]/.test(value.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ""));
}
