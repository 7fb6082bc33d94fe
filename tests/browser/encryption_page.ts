// The page of the encryption tests: what the device check runs, and the ways in which a browser could fail it.

import { proveEncryption, type Proof } from "../../web/client/e2ee/proof";

const TIME_MS = 20_000;

const pages = {
  prove: (): Promise<Proof> => proveEncryption(AbortSignal.timeout(TIME_MS)),

  /** The proof, and then the worker's end while everything else goes on: how many packets left after so many more frames. */
  async outliveWorker(frames: number): Promise<number> {
    const nothing = (): void => undefined;
    const connections: RTCPeerConnection[] = [];
    RTCPeerConnection.prototype.close = function () {
      connections.push(this);
    };
    MediaStreamTrack.prototype.stop = nothing;
    AudioContext.prototype.close = () => Promise.resolve();
    window.clearInterval = nothing;
    const proof = await pages.prove();
    if (!proof.ok) throw new Error(proof.detail);
    const from = connections.find((one) => one.getSenders().some((sender) => sender.track)) as RTCPeerConnection;
    const sent = async () => {
      const report = (await from.getStats()) as ReadonlyMap<string, Record<string, unknown>>;
      const entries = [...report.values()].filter((entry) => entry["type"] === "outbound-rtp");
      const total = (field: string): number => entries.reduce((sum, entry) => sum + Number(entry[field] ?? 0), 0);
      return { frames: total("framesEncoded"), packets: total("packetsSent") };
    };
    const before = await settled(sent);
    let now = before;
    while (now.frames - before.frames < frames) now = await sent();
    return now.packets - before.packets;
  },

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

interface Sent {
  readonly frames: number;
  readonly packets: number;
}

/** What was on its way when the worker ended has left once two readings with ten frames between them show the same packets. */
async function settled(read: () => Promise<Sent>): Promise<Sent> {
  let last = await read();
  for (;;) {
    const next = await read();
    if (next.packets > last.packets) last = next;
    else if (next.frames > last.frames + 10) return next;
  }
}

Object.assign(window, { encryption: pages });
