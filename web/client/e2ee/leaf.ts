// A fresh leaf: the signature key of one session, and the key package that asks to be added with it.

import {
  generateKeyPackageWithKey,
  makeKeyPackageRef,
  type KeyPackage,
  type PrivateKeyPackage,
} from "ts-mls/keyPackage.js";
import type { Capabilities } from "ts-mls/capabilities.js";
import { decodeMlsMessage, encodeMlsMessage } from "ts-mls/message.js";
import type { CiphersuiteImpl } from "ts-mls/crypto/ciphersuite.js";

import { copy, fromBase64url, toBase64url, type Bytes } from "./bytes";

/** Marks a group as raised by somebody who holds the appointment's secret. */
export const GROUP_TAG = 0xf0a1;

/** Clocks differ; calls are shorter. */
const BACKDATED_S = 3_600n;
const LIFETIME_S = 86_400n;

const CAPABILITIES: Capabilities = {
  versions: ["mls10"],
  ciphersuites: ["MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"],
  extensions: [GROUP_TAG],
  proposals: [],
  credentials: ["basic"],
};

/** Signature keys of one session. They join one group and are never used for another. */
export interface LeafKeys {
  readonly publicKey: Bytes;
  readonly signKey: Uint8Array;
}

export async function makeLeafKeys(suite: CiphersuiteImpl): Promise<LeafKeys> {
  const { publicKey, signKey } = await suite.signature.keygen();
  return { publicKey: copy(publicKey), signKey };
}

export interface OwnPackage {
  readonly open: KeyPackage;
  readonly secret: PrivateKeyPackage;
}

/** `now` in milliseconds since 1970. */
export async function makeKeyPackage(
  suite: CiphersuiteImpl,
  keys: LeafKeys,
  credential: Bytes,
  now: number,
): Promise<OwnPackage> {
  const seconds = BigInt(Math.floor(now / 1_000));
  const { publicPackage, privatePackage } = await generateKeyPackageWithKey(
    { credentialType: "basic", identity: credential },
    CAPABILITIES,
    { notBefore: seconds - BACKDATED_S, notAfter: seconds + LIFETIME_S },
    [],
    keys,
    suite,
  );
  return { open: publicPackage, secret: privatePackage };
}

/** As it travels: an MLSMessage, base64url. */
export function writeKeyPackage(keyPackage: KeyPackage): string {
  return toBase64url(encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage }));
}

/** null for anything that is no key package. */
export function readKeyPackage(text: string): KeyPackage | null {
  const message = readMessage(text);
  return message?.wireformat === "mls_key_package" ? message.keyPackage : null;
}

export type MlsMessage = NonNullable<ReturnType<typeof decodeMlsMessage>>[0];

/** A whole MLSMessage and nothing after it; null for anything else. */
export function readMessage(text: string): MlsMessage | null {
  try {
    const bytes = fromBase64url(text);
    const decoded = decodeMlsMessage(bytes, 0);
    return decoded && decoded[1] === bytes.length ? decoded[0] : null;
  } catch {
    return null;
  }
}

export const keyPackageRef = makeKeyPackageRef;
