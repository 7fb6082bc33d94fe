// SFrame (RFC 9605): header, key derivation, sealing and opening of one frame. Knows no group, no media and no
// counter of its own.

import { concat, equal, hmac, utf8, type Bytes } from "./bytes";

/** Suites of RFC 9605 section 8.1, and 6 to 8, their AES-256 counterparts. Calls use `CALL_SUITE` alone. */
export const SUITES = {
  1: { hash: "SHA-256", key: 16, tag: 10, counterMode: true },
  2: { hash: "SHA-256", key: 16, tag: 8, counterMode: true },
  3: { hash: "SHA-256", key: 16, tag: 4, counterMode: true },
  4: { hash: "SHA-256", key: 16, tag: 16, counterMode: false },
  5: { hash: "SHA-512", key: 32, tag: 16, counterMode: false },
  6: { hash: "SHA-512", key: 32, tag: 10, counterMode: true },
  7: { hash: "SHA-512", key: 32, tag: 8, counterMode: true },
  8: { hash: "SHA-512", key: 32, tag: 4, counterMode: true },
} as const;

export type Suite = keyof typeof SUITES;

/** AES_128_GCM_SHA256_128 */
export const CALL_SUITE = 4 satisfies Suite;

const NONCE = 12;
const HASH_BYTES = { "SHA-256": 32, "SHA-512": 64 } as const;

/** Not an SFrame, or not one that this key made. */
export class SFrameError extends Error {
  override readonly name = "SFrameError";
}

export interface Header {
  readonly kid: bigint;
  readonly ctr: bigint;
  /** Bytes that the header takes. */
  readonly length: number;
}

/** RFC 9605 section 4.3. Both values are below 2^64. */
export function encodeHeader(kid: bigint, ctr: bigint): Bytes {
  const [kidBits, kidBytes] = encodeField(kid);
  const [ctrBits, ctrBytes] = encodeField(ctr);
  return concat(Uint8Array.of((kidBits << 4) | ctrBits), kidBytes, ctrBytes);
}

/** Four bits of the first byte, and what follows it: values below 8 need nothing more. */
function encodeField(value: bigint): [bits: number, more: Uint8Array] {
  if (value < 8n) return [Number(value), new Uint8Array()];
  const more: number[] = [];
  for (let rest = value; rest > 0n; rest >>= 8n) more.unshift(Number(rest & 255n));
  return [8 | (more.length - 1), Uint8Array.from(more)];
}

/** Throws an SFrameError when the bytes end too early or spell a value longer than needed. */
export function decodeHeader(data: Uint8Array): Header {
  const [first] = data;
  if (first === undefined) throw new SFrameError("An SFrame has at least one byte.");
  const [kid, afterKid] = decodeField(data, first >> 4, 1);
  const [ctr, length] = decodeField(data, first & 15, afterKid);
  return { kid, ctr, length };
}

function decodeField(data: Uint8Array, bits: number, at: number): [value: bigint, next: number] {
  if (bits < 8) return [BigInt(bits), at];
  const next = at + (bits & 7) + 1;
  if (next > data.length) throw new SFrameError("The header is cut short.");
  let value = 0n;
  for (const byte of data.subarray(at, next)) value = (value << 8n) | BigInt(byte);
  if (value < 8n || (next - at > 1 && data[at] === 0))
    throw new SFrameError("The header is longer than it needs to be.");
  return [value, next];
}

export interface KeyMaterial {
  readonly keyLabel: Bytes;
  readonly saltLabel: Bytes;
  readonly secret: Bytes;
  readonly key: Bytes;
  readonly salt: Bytes;
}

/** RFC 9605 section 4.4.2. */
export async function deriveMaterial(suite: Suite, kid: bigint, baseKey: Bytes): Promise<KeyMaterial> {
  const { hash, key: keyLength, counterMode } = SUITES[suite];
  const about = concat(bigEndian(kid), Uint8Array.of(suite >> 8, suite & 255));
  const keyLabel = concat(utf8("SFrame 1.0 Secret key "), about);
  const saltLabel = concat(utf8("SFrame 1.0 Secret salt "), about);
  const secret = await hmac(new Uint8Array(HASH_BYTES[hash]), baseKey, hash);
  const length = keyLength + (counterMode ? HASH_BYTES[hash] : 0);
  const key = await expand(hash, secret, keyLabel, length);
  return { keyLabel, saltLabel, secret, key, salt: await expand(hash, secret, saltLabel, NONCE) };
}

/** HKDF-Expand, RFC 5869 section 2.3. */
async function expand(hash: "SHA-256" | "SHA-512", secret: Bytes, info: Bytes, length: number): Promise<Bytes> {
  let output: Bytes = new Uint8Array();
  let block: Bytes = new Uint8Array();
  for (let count = 1; output.length < length; count++) {
    block = await hmac(secret, concat(block, info, Uint8Array.of(count)), hash);
    output = concat(output, block);
  }
  return output.slice(0, length);
}

/** The cipher of one suite under one key, as RFC 9605 section 4.5 uses it. */
export interface Cipher {
  readonly suite: Suite;
  readonly encryption: CryptoKey;
  /** Counter-mode suites only. */
  readonly authentication: CryptoKey | null;
}

export async function importCipher(suite: Suite, key: Bytes): Promise<Cipher> {
  const { hash, key: length, counterMode } = SUITES[suite];
  const name = counterMode ? "AES-CTR" : "AES-GCM";
  const mac = { name: "HMAC", hash };
  const { subtle } = crypto;
  return {
    suite,
    encryption: await subtle.importKey("raw", key.slice(0, length), name, false, ["encrypt", "decrypt"]),
    authentication: counterMode ? await subtle.importKey("raw", key.slice(length), mac, false, ["sign"]) : null,
  };
}

export async function encrypt(cipher: Cipher, nonce: Bytes, aad: Bytes, plaintext: Bytes): Promise<Bytes> {
  if (!cipher.authentication) {
    const algorithm = { name: "AES-GCM", iv: nonce, additionalData: aad, tagLength: 128 };
    return new Uint8Array(await crypto.subtle.encrypt(algorithm, cipher.encryption, plaintext));
  }
  const sealed = new Uint8Array(await crypto.subtle.encrypt(counter(nonce), cipher.encryption, plaintext));
  return concat(sealed, await tag(cipher, cipher.authentication, nonce, aad, sealed));
}

/** Throws an SFrameError when the tag does not fit. */
export async function decrypt(cipher: Cipher, nonce: Bytes, aad: Bytes, sealed: Bytes): Promise<Bytes> {
  const { tag: tagLength } = SUITES[cipher.suite];
  if (sealed.length < tagLength) throw new SFrameError("Shorter than its tag.");
  if (!cipher.authentication) {
    const algorithm = { name: "AES-GCM", iv: nonce, additionalData: aad, tagLength: 128 };
    try {
      return new Uint8Array(await crypto.subtle.decrypt(algorithm, cipher.encryption, sealed));
    } catch {
      throw new SFrameError("The tag does not fit.");
    }
  }
  const body = sealed.slice(0, -tagLength);
  const wanted = await tag(cipher, cipher.authentication, nonce, aad, body);
  if (!equal(wanted, sealed.subarray(-tagLength))) throw new SFrameError("The tag does not fit.");
  return new Uint8Array(await crypto.subtle.decrypt(counter(nonce), cipher.encryption, body));
}

const counter = (nonce: Bytes): AesCtrParams => ({
  name: "AES-CTR",
  counter: concat(nonce, new Uint8Array(4)),
  length: 32,
});

async function tag(cipher: Cipher, key: CryptoKey, nonce: Bytes, aad: Bytes, sealed: Bytes): Promise<Bytes> {
  const { tag: length } = SUITES[cipher.suite];
  const lengths = concat(...[aad.length, sealed.length, length].map((one) => bigEndian(BigInt(one))));
  const whole = await crypto.subtle.sign("HMAC", key, concat(lengths, nonce, aad, sealed));
  return new Uint8Array(whole, 0, length);
}

/** What seals or opens the frames of one KID. */
export interface FrameKey {
  readonly kid: bigint;
  readonly cipher: Cipher;
  readonly salt: Bytes;
}

export async function deriveKey(suite: Suite, kid: bigint, baseKey: Bytes): Promise<FrameKey> {
  const { key, salt } = await deriveMaterial(suite, kid, baseKey);
  return { kid, cipher: await importCipher(suite, key), salt };
}

/** RFC 9605 section 4.4.3. `ctr` must never come twice under one key. */
export async function seal(key: FrameKey, ctr: bigint, metadata: Bytes, plaintext: Bytes): Promise<Bytes> {
  const header = encodeHeader(key.kid, ctr);
  return concat(header, await encrypt(key.cipher, nonceOf(key, ctr), concat(header, metadata), plaintext));
}

/** RFC 9605 section 4.4.4; `header` is what `decodeHeader` found in `data`. Throws an SFrameError. */
export function open(key: FrameKey, header: Header, metadata: Bytes, data: Bytes): Promise<Bytes> {
  const aad = concat(data.subarray(0, header.length), metadata);
  return decrypt(key.cipher, nonceOf(key, header.ctr), aad, data.slice(header.length));
}

export function nonceOf({ salt }: Pick<FrameKey, "salt">, ctr: bigint): Bytes {
  const nonce = salt.slice();
  const view = new DataView(nonce.buffer);
  view.setBigUint64(NONCE - 8, view.getBigUint64(NONCE - 8) ^ ctr);
  return nonce;
}

function bigEndian(value: bigint): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}
