// Checkpoints as C2SP signed notes, and the keys of logs and witnesses.

import { ed25519 } from "@noble/curves/ed25519.js";

import { concat, equal, utf8, type Bytes } from "../e2ee/bytes";
import { EvidenceError, fromBase64, toBase64 } from "./canonical";
import { hash } from "./merkle";

export const LOG_KEY = 1;
export const WITNESS_KEY = 4;

/** A public key, passed on as `name+id+key`. */
export class Verifier {
  readonly id: Bytes;

  constructor(
    readonly name: string,
    readonly key: Bytes,
    readonly kind: number,
  ) {
    if (!name || /[\s+]/.test(name) || key.length !== 32 || (kind !== LOG_KEY && kind !== WITNESS_KEY)) {
      throw new EvidenceError("not a key");
    }
    this.id = hash(utf8(`${name}\n`), Uint8Array.of(kind), key).slice(0, 4);
  }

  static read(text: string): Verifier {
    const [name = "", id, ...rest] = text.trim().split("+");
    const data = fromBase64(rest.join("+"));
    const found = new Verifier(name, data.slice(1), data[0] ?? 0);
    if (hex(found.id) !== id) throw new EvidenceError("a key with another id");
    return found;
  }

  same(other: Verifier): boolean {
    return this.name === other.name && this.kind === other.kind && equal(this.key, other.key);
  }

  check(signature: Bytes, message: Bytes): boolean {
    try {
      return ed25519.verify(signature, message, this.key, { zip215: false });
    } catch {
      return false;
    }
  }
}

interface Signature {
  name: string;
  id: Bytes;
  data: Bytes;
}

export interface Checkpoint {
  origin: string;
  size: number;
  root: Bytes;
  body: Bytes;
  signatures: Signature[];
}

export function readCheckpoint(note: string): Checkpoint {
  const bad = new EvidenceError("not a checkpoint");
  if (note.length > 65536 || [...note].some((each) => each < " " && each !== "\n")) throw bad;
  const cut = note.lastIndexOf("\n\n");
  if (cut < 0 || !note.endsWith("\n") || cut + 2 >= note.length) throw bad;
  const body = note.slice(0, cut + 1);
  const [origin, size, root, ...extensions] = body.slice(0, -1).split("\n");
  if (!origin || !size || !/^(0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) throw bad;
  const rootHash = fromBase64(root);
  if (rootHash.length !== 32 || extensions.includes("")) throw bad;
  const lines = note.slice(cut + 2, -1).split("\n");
  if (lines.length > 100) throw bad;
  return { origin, size: Number(size), root: rootHash, body: utf8(body), signatures: lines.map(readSignature) };
}

function readSignature(line: string): Signature {
  const [dash, name, rest, ...more] = line.split(" ");
  const data = fromBase64(rest);
  if (dash !== "—" || !name || data.length < 5 || more.length) throw new EvidenceError("not a signature");
  return { name, id: data.slice(0, 4), data: data.slice(4) };
}

const by = (signature: Signature, key: Verifier): boolean => signature.name === key.name && equal(signature.id, key.id);

export function signedBy(checkpoint: Checkpoint, log: Verifier): boolean {
  if (log.kind !== LOG_KEY) return false;
  return checkpoint.signatures.some((each) => by(each, log) && log.check(each.data, checkpoint.body));
}

/** When the witness co-signed it, by its own clock; null when it did not. */
export function cosignedBy(checkpoint: Checkpoint, witness: Verifier): Date | null {
  if (witness.kind !== WITNESS_KEY) return null;
  for (const each of checkpoint.signatures) {
    if (!by(each, witness) || each.data.length !== 72) continue;
    const seconds = Number(each.data.slice(0, 8).reduce((number, byte) => number * 256n + BigInt(byte), 0n));
    const message = concat(utf8(`cosignature/v1\ntime ${seconds}\n`), checkpoint.body);
    if (Number.isSafeInteger(seconds) && witness.check(each.data.slice(8), message)) return new Date(seconds * 1000);
  }
  return null;
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export { hex, toBase64 };
