// One encoded frame on its way out or in. Whatever has no fitting key ends here: there is no way around.

import type { Kind, Source } from "../types";
import { concat, type Bytes } from "./bytes";
import { clearBytes, metadata } from "./frames";
import type { KeyRing, NoKey } from "./keys";
import { decodeHeader, open, seal, SFrameError, type Header } from "./sframe";

export type FrameRefusal = NoKey | "replayed" | "tampered";

/** What a sender sends. */
export interface Outgoing {
  readonly kind: Kind;
  readonly source: Source;
  /** A picture in VP9 is sealed whole; without this it is VP8, of which some bytes stay clear. Whoever is told the wrong
   * one can open nothing. */
  readonly vp9?: boolean;
}

/** What a receiver was told to expect; anything else is refused. */
export interface Expected extends Outgoing {
  readonly seat: string;
}

/** The frame as it may leave, or "no_key". */
export async function sealFrame(keys: KeyRing, { kind, source, vp9 }: Outgoing, data: Bytes): Promise<Bytes | "no_key"> {
  const send = keys.sending;
  if (!send) return "no_key";
  const clear = data.subarray(0, clearBytes(kind, data, vp9));
  const about = metadata(send.leaf, kind, source, clear);
  return concat(clear, await seal(send.key, send.takeCounter(), about, data.slice(clear.length)));
}

/** The frame as the sender had it, or why not. */
export async function openFrame(
  keys: KeyRing,
  { seat, kind, source, vp9 }: Expected,
  data: Bytes,
): Promise<Bytes | FrameRefusal> {
  const clear = data.subarray(0, clearBytes(kind, data, vp9));
  const sealed = data.slice(clear.length);
  let header: Header;
  try {
    header = decodeHeader(sealed);
  } catch (error) {
    if (error instanceof SFrameError) return "tampered";
    throw error;
  }
  const key = await keys.receiving(header.kid, seat);
  if (typeof key === "string") return key;
  if (header.ctr > BigInt(Number.MAX_SAFE_INTEGER)) return "tampered";
  const counter = Number(header.ctr);
  if (!key.window.fresh(counter)) return "replayed";
  let plain: Bytes;
  try {
    plain = await open(key.key, header, metadata(key.leaf, kind, source, clear), sealed);
  } catch (error) {
    if (error instanceof SFrameError) return "tampered";
    throw error;
  }
  // Only now is it known to be authentic; a twin may have come first while this one was being opened.
  return key.window.take(counter) ? concat(clear, plain) : "replayed";
}
