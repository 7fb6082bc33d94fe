// What an export consists of: a header line, then one line for each entry.

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { type Bytes } from "../e2ee/bytes";
import { canonical, count, EvidenceError, fromBase64, isPlain, parseObject, string, type Plain } from "./canonical";
import { leafHash } from "./merkle";
import { hex, readCheckpoint, Verifier, type Checkpoint } from "./note";

export type Kind = "session" | "case" | "log";

export interface Header {
  kind: Kind;
  subject: string;
  log: Verifier;
  entries: number;
  checkpoints: Checkpoint[];
  growth: { from: number; to: number; proof: Bytes[] }[];
}

export interface Leaf {
  log: string;
  sequence: number;
  case: string | null;
  case_nth: number | null;
  session: string | null;
  session_nth: number | null;
  commitment: string;
  plain: Plain;
}

export interface Line {
  leaf: Leaf;
  hash: Bytes;
  size: number | null;
  proof: Bytes[];
  content: Plain | null;
  opens: boolean;
}

const FIELDS = ["log", "sequence", "at", "tag", "actor", "case", "case_nth", "session", "session_nth", "commitment", "v"];

export function readHeader(line: string): Header {
  const plain = parseObject(line);
  if (plain["format"] !== "poruch-evidence" || plain["version"] !== 1) throw new EvidenceError("not an export");
  const { kind, checkpoints, growth } = plain;
  if (kind !== "session" && kind !== "case" && kind !== "log") throw new EvidenceError("of no kind");
  if (!Array.isArray(checkpoints) || !Array.isArray(growth)) throw new EvidenceError("without checkpoints");
  string(plain["made_at"]);
  return {
    kind,
    subject: string(plain["subject"]),
    log: Verifier.read(string(plain["log"])),
    entries: count(plain["entries"]),
    checkpoints: checkpoints.map((note) => readCheckpoint(string(note))),
    growth: growth.map((each: unknown) => {
      if (!isPlain(each)) throw new EvidenceError("not a proof");
      return { from: count(each["from"]), to: count(each["to"]), proof: proofOf(each["proof"]) };
    }),
  };
}

export function readLine(text: string): Line {
  const plain = parseObject(text);
  const known = ["leaf", "hash", "size", "proof", "salt", "content"];
  const strange = Object.keys(plain).some((name) => !known.includes(name));
  if (strange || "salt" in plain !== "content" in plain || "size" in plain !== "proof" in plain) {
    throw new EvidenceError("other fields than an entry");
  }
  const leaf = readLeaf(plain["leaf"]);
  const content = "content" in plain ? plain["content"] : null;
  if (content !== null && !isPlain(content)) throw new EvidenceError("no content");
  return {
    leaf,
    hash: fromBase64(plain["hash"]),
    size: "size" in plain ? count(plain["size"]) : null,
    proof: "proof" in plain ? proofOf(plain["proof"]) : [],
    content,
    opens: content === null || opens(leaf, fromBase64(plain["salt"]), content),
  };
}

export const hashOf = (leaf: Leaf, sequence = leaf.sequence): Bytes => leafHash(canonical({ ...leaf.plain, sequence }));

function readLeaf(plain: unknown): Leaf {
  if (!isPlain(plain) || Object.keys(plain).length !== FIELDS.length || FIELDS.some((name) => !(name in plain))) {
    throw new EvidenceError("not a leaf");
  }
  if (plain["v"] !== 1) throw new EvidenceError("a leaf of another version");
  for (const name of ["tag", "actor"]) string(plain[name]);
  const at = string(plain["at"]);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(at) || !realMoment(at)) throw new EvidenceError("not a time");
  return {
    log: string(plain["log"]),
    sequence: count(plain["sequence"]),
    ...ordinal(plain, "case"),
    ...ordinal(plain, "session"),
    commitment: string(plain["commitment"]),
    plain,
  } as Leaf;
}

function realMoment(at: string): boolean {
  const milliseconds = `${at.slice(0, 23)}Z`;
  const moment = new Date(milliseconds);
  return !Number.isNaN(moment.getTime()) && moment.toISOString() === milliseconds;
}

function ordinal(plain: Plain, name: "case" | "session"): Plain {
  const [value, nth] = [plain[name], plain[`${name}_nth`]];
  if (value === null && nth === null) return { [name]: null, [`${name}_nth`]: null };
  return { [name]: string(value), [`${name}_nth`]: count(nth, 1) };
}

function proofOf(value: unknown): Bytes[] {
  if (!Array.isArray(value)) throw new EvidenceError("not a proof");
  return value.map(fromBase64);
}

function opens(leaf: Leaf, salt: Bytes, content: Plain): boolean {
  try {
    return salt.length === 32 && hex(hmac(sha256, salt, canonical(content))) === leaf.commitment;
  } catch (error) {
    if (error instanceof EvidenceError) return false;
    throw error;
  }
}
