// The worker of the measurement: the client's own pipeline and keys, on frames of usual sizes, as fast as it can.

import type { Bytes } from "../web/client/e2ee/bytes";
import { KeyRing } from "../web/client/e2ee/keys";
import { openFrame, sealFrame } from "../web/client/e2ee/pipeline";
import type { Kind } from "../web/client/types";

const SEAT = "0123456789abcdef";
const scope = self as unknown as { onmessage: (event: MessageEvent<Order>) => void; postMessage(said: object): void };

interface Order {
  readonly kind: Kind;
  readonly bytes: number;
  readonly frames: number;
}

/** Microseconds a frame. Frame after frame, as a stream's transform hands them over. */
async function measure({ kind, bytes, frames }: Order): Promise<{ seal: number; open: number }> {
  const keys = new KeyRing();
  keys.install({ epoch: 0, baseKey: new Uint8Array(16), seats: new Map([[0, SEAT]]), own: 0 }, 0);
  await keys.switchSending(0);
  const about = { kind, source: kind === "audio" ? "microphone" : "camera", seat: SEAT } as const;
  // The first bit of a VP8 frame says that it is no key frame.
  const plain = new Uint8Array(bytes).fill(1);
  const sealed: Bytes[] = [];
  let began = performance.now();
  for (let n = 0; n < frames; n++) {
    const one = await sealFrame(keys, about, plain);
    if (typeof one === "string") throw new Error(one);
    sealed.push(one);
  }
  const seal = performance.now() - began;
  began = performance.now();
  for (const one of sealed) {
    const opened = await openFrame(keys, about, one);
    if (typeof opened === "string") throw new Error(opened);
  }
  const open = performance.now() - began;
  return { seal: (seal * 1000) / frames, open: (open * 1000) / frames };
}

scope.onmessage = ({ data }) => {
  measure(data).then(
    (result) => scope.postMessage(result),
    (error: unknown) => scope.postMessage({ failed: String(error) }),
  );
};
