// ECDSA P-256 with SHA-256, the one signature of devices and organisations: labelled statements, raw r‖s, keys as SPKI.

import { fromBase64url, labelled, sha256, toBase64url, type Bytes } from "./bytes";

export const ECDSA = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGN = { name: "ECDSA", hash: "SHA-256" } as const;

/** Signs `label ‖ 0 ‖ body`; base64url. */
export async function sign(key: CryptoKey, label: string, body: Uint8Array): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.sign(SIGN, key, labelled(label, body))));
}

/** False for a wrong signature and for anything that is no key or no signature at all. */
export async function verify(key: string, label: string, body: Uint8Array, signature: string): Promise<boolean> {
  try {
    const imported = await crypto.subtle.importKey("spki", fromBase64url(key), ECDSA, false, ["verify"]);
    return await crypto.subtle.verify(SIGN, imported, fromBase64url(signature), labelled(label, body));
  } catch {
    return false;
  }
}

/** A public key as it travels: SPKI, base64url. */
export async function exportSpki(key: CryptoKey): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.exportKey("spki", key)));
}

/** SHA-256 of a travelling key's SPKI, base64url; rejects with a SyntaxError for what is not base64url. */
export async function fingerprint(key: string): Promise<string> {
  const spki: Bytes = fromBase64url(key);
  return toBase64url(await sha256(spki));
}
