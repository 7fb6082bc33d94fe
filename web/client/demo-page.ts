/** The demo's sign-in page: puts the keys of the link's fragment into this browser, as ones that cannot leave it, and goes on. */

import { fromBase64url, toBase64url, type Bytes } from "./e2ee/bytes";
import { readCertificate, type Certificate } from "./e2ee/credential";
import { keepCertificate, keepDevice } from "./e2ee/device";

const SCALAR = 32;
/** An SPKI of P-256 ends with the point: 4 ‖ x ‖ y. */
const POINT = 1 + 2 * SCALAR;

async function takeKeys(fragment: string, certificate: Certificate): Promise<void> {
  const scalars = fromBase64url(new URLSearchParams(fragment.replace(/^#/, "")).get("d") ?? "");
  if (scalars.length !== 2 * SCALAR) return;
  const body = readCertificate(certificate);
  const [sign, seal] = await Promise.all([
    pair(scalars.slice(0, SCALAR), body.sign, { name: "ECDSA", namedCurve: "P-256" }, ["sign"], ["verify"]),
    pair(scalars.slice(SCALAR), body.seal, { name: "ECDH", namedCurve: "P-256" }, ["deriveBits"], []),
  ]);
  await keepDevice({ sign, seal });
  await keepCertificate(certificate);
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

const { body, signature } = document.getElementById("main")?.dataset ?? {};
try {
  if (body && signature) await takeKeys(location.hash, { body, signature });
} finally {
  // A page that goes on before it is loaded looks to some browsers like one that failed to load.
  if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
  // Without keys (a private window) the pages work all the same. The fragment stays behind with this page.
  location.replace("/");
}
