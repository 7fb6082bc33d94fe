/** The keys that a link of the demo carries: two private scalars, whose public halves its certificate names. */

import { fromBase64url, toBase64url, type Bytes } from "./e2ee/bytes";
import type { CertificateBody } from "./e2ee/credential";
import type { DeviceKeys } from "./e2ee/device";

const SCALAR = 32;
/** An SPKI of P-256 ends with the point: 4 ‖ x ‖ y. */
const POINT = 1 + 2 * SCALAR;

/** Keys that cannot leave the browser again; null when the fragment (`#d=…`) carries none. */
export async function demoKeys(fragment: string, body: CertificateBody): Promise<Pick<DeviceKeys, "sign" | "seal"> | null> {
  const scalars = fromBase64url(new URLSearchParams(fragment.replace(/^#/, "")).get("d") ?? "");
  if (scalars.length !== 2 * SCALAR) return null;
  const [sign, seal] = await Promise.all([
    pair(scalars.slice(0, SCALAR), body.sign, { name: "ECDSA", namedCurve: "P-256" }, ["sign"], ["verify"]),
    pair(scalars.slice(SCALAR), body.seal, { name: "ECDH", namedCurve: "P-256" }, ["deriveBits"], []),
  ]);
  return { sign, seal };
}

async function pair(
  scalar: Bytes,
  spki: string,
  algorithm: EcKeyImportParams,
  secretUse: KeyUsage[],
  publicUse: KeyUsage[],
): Promise<CryptoKeyPair> {
  const point = fromBase64url(spki).slice(-POINT);
  const [x, y] = [point.slice(1, 1 + SCALAR), point.slice(1 + SCALAR)].map(toBase64url);
  const shown = { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" };
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.importKey("jwk", { ...shown, d: toBase64url(scalar) }, algorithm, false, secretUse),
    crypto.subtle.importKey("jwk", shown, algorithm, true, publicUse),
  ]);
  return { privateKey, publicKey };
}
