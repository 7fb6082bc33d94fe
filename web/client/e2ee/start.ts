// Where the encrypting worker comes from: fetched with its integrity hash, which no worker's own URL could carry.

/** WebCrypto's curves, or a replacement for browsers without them. */
export type CurveSource = "native" | "noble";

declare const PORUCH_E2EE_WORKERS: Readonly<Record<CurveSource, { readonly file: string; readonly integrity: string }>>;

/** Rejects when the file is not the one that was built with this page. */
export async function startWorker(curves: CurveSource): Promise<Worker> {
  const { file, integrity } = PORUCH_E2EE_WORKERS[curves];
  const reply = await fetch(new URL(file, import.meta.url), { integrity });
  if (!reply.ok) throw new Error(`The encrypting worker did not come: ${reply.status}`);
  const blob = new Blob([await reply.arrayBuffer()], { type: "text/javascript" });
  const address = URL.createObjectURL(blob);
  try {
    return new Worker(address, { name: "poruch-e2ee" });
  } finally {
    // The worker has its address resolved at construction; nothing else needs it.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }
}

/** Asks WebCrypto itself: support is not to be read off a version. */
export async function probeCurves(): Promise<CurveSource> {
  try {
    const { subtle } = crypto;
    const signing = (await subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
    const agreeing = (await subtle.generateKey("X25519", true, ["deriveBits"])) as CryptoKeyPair;
    const message = new Uint8Array(1);
    const signature = await subtle.sign("Ed25519", signing.privateKey, message);
    const shared = await subtle.deriveBits({ name: "X25519", public: agreeing.publicKey }, agreeing.privateKey, 256);
    const fine = await subtle.verify("Ed25519", signing.publicKey, signature, message);
    return fine && shared.byteLength === 32 ? "native" : "noble";
  } catch {
    return "noble";
  }
}
