// The page of the encryption tests: what the device check runs, and the ways in which a browser could fail it.

import { proveEncryption, type Proof } from "../../web/client/e2ee/proof";

const TIME_MS = 20_000;

const pages = {
  prove: (): Promise<Proof> => proveEncryption(AbortSignal.timeout(TIME_MS)),

  /** A browser that knows the curves not at all. */
  loseCurves(): void {
    const { subtle } = crypto;
    const generate = subtle.generateKey.bind(subtle) as (...given: unknown[]) => Promise<CryptoKeyPair>;
    subtle.generateKey = ((algorithm: unknown, ...more: unknown[]) =>
      algorithm === "Ed25519" || algorithm === "X25519"
        ? Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"))
        : generate(algorithm, ...more)) as typeof subtle.generateKey;
  },

  /** A browser that takes transforms and does not use them. */
  ignoreTransforms(): void {
    for (const { prototype } of [RTCRtpSender, RTCRtpReceiver])
      Object.defineProperty(prototype, "transform", { set: () => undefined });
    const { RTCPeerConnection: Real } = window;
    window.RTCPeerConnection = class extends Real {
      constructor() {
        super({});
      }
    };
  },

  forceEncodedStreams(): void {
    Object.assign(window, { poruchForceEncodedStreams: true });
  },

  /** A browser without any access to encoded frames. */
  loseTransforms(): void {
    Reflect.deleteProperty(window, "RTCRtpScriptTransform");
    Reflect.deleteProperty(RTCRtpSender.prototype, "createEncodedStreams");
  },
};

Object.assign(window, { encryption: pages });
