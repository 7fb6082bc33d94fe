// The one MLS cipher suite of calls, MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519, over WebCrypto; the two curves may
// come from elsewhere.

import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { getCiphersuiteFromName, type CiphersuiteImpl } from "ts-mls/crypto/ciphersuite.js";
import { makeHashImpl } from "ts-mls/crypto/implementation/default/makeHashImpl.js";
import { makeKdfImpl } from "ts-mls/crypto/implementation/default/makeKdfImpl.js";
import { makeGenericHpke } from "ts-mls/crypto/implementation/hpke.js";
import type { Signature } from "ts-mls/crypto/signature.js";

import { copy, random } from "./bytes";

const NAME = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";

type Kem = ConstructorParameters<typeof CipherSuite>[0]["kem"];

/** What an older browser's WebCrypto lacks. */
export interface Curves {
  /** DHKEM(X25519, HKDF-SHA256) */
  readonly kem: () => Exclude<Kem, number>;
  /** Ed25519; private keys in a form of its own choice. */
  readonly signature: Signature;
}

export const nativeCurves: Curves = {
  kem: () => new DhkemX25519HkdfSha256(),
  signature: {
    async keygen() {
      const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
      const [publicKey, signKey] = await Promise.all([
        crypto.subtle.exportKey("raw", pair.publicKey),
        crypto.subtle.exportKey("pkcs8", pair.privateKey),
      ]);
      return { publicKey: new Uint8Array(publicKey), signKey: new Uint8Array(signKey) };
    },
    async sign(signKey, message) {
      const key = await crypto.subtle.importKey("pkcs8", copy(signKey), "Ed25519", false, ["sign"]);
      return new Uint8Array(await crypto.subtle.sign("Ed25519", key, copy(message)));
    },
    async verify(publicKey, message, signature) {
      const key = await crypto.subtle.importKey("raw", copy(publicKey), "Ed25519", false, ["verify"]);
      return crypto.subtle.verify("Ed25519", key, copy(signature), copy(message));
    },
  },
};

/** Not the library's own provider, which would bring every curve it knows of into the bundle. */
export async function makeSuite({ kem, signature }: Curves): Promise<CiphersuiteImpl> {
  const { hpke } = getCiphersuiteFromName(NAME);
  const kdf = new HkdfSha256();
  return {
    name: NAME,
    hash: makeHashImpl(crypto.subtle, "SHA-256"),
    kdf: makeKdfImpl(kdf),
    signature,
    hpke: await makeGenericHpke(hpke, AEAD, new CipherSuite({ kem: kem(), kdf, aead: new Aes128Gcm() })),
    rng: { randomBytes: random },
  };
}

const AEAD = {
  encrypt: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array> =>
    aesGcm("encrypt", key, nonce, aad, plaintext),
  decrypt: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Promise<Uint8Array> =>
    aesGcm("decrypt", key, nonce, aad, ciphertext),
};

async function aesGcm(
  direction: "encrypt" | "decrypt",
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  data: Uint8Array,
): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", copy(key), "AES-GCM", false, [direction]);
  const algorithm = { name: "AES-GCM", iv: copy(nonce), additionalData: copy(aad) };
  return new Uint8Array(await crypto.subtle[direction](algorithm, imported, copy(data)));
}
