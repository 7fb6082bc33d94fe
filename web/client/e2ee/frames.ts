// What of an encoded frame stays readable for packetisers, and what every frame is bound to beside its bytes.

import type { Kind, Source } from "../types";
import { concat, utf8, type Bytes } from "./bytes";

const LABEL = utf8("poruch");
const KINDS = { audio: 0, video: 1 } as const;
const SOURCES = { microphone: 0, camera: 1, screen: 2 } as const;

/** RFC 7741 section 4.3: the first bit of a VP8 frame is clear in key frames. Packetisers and decoders' front doors
 * read the tag,
 * and of key frames the start code and the size too. */
const VP8_KEY_FRAME_CLEAR = 10;
const VP8_DELTA_CLEAR = 1;

/** How many first bytes of the frame stay clear; they are authenticated all the same. Of sound and of VP9 none: what a
 * packetizer tells of a VP9 picture (RFC 9628, section 4.2) comes from the encoder, not out of the frame. */
export function clearBytes(kind: Kind, data: Uint8Array, vp9 = false): number {
  if (kind === "audio" || vp9) return 0;
  const isKeyFrame = ((data[0] ?? 1) & 1) === 0;
  return Math.min(data.length, isKeyFrame ? VP8_KEY_FRAME_CLEAR : VP8_DELTA_CLEAR);
}

/** SFrame metadata: binds a frame to its sender's leaf, its kind, its source and its clear bytes. */
export function metadata(leaf: number, kind: Kind, source: Source, clear: Uint8Array): Bytes {
  return concat(LABEL, Uint8Array.of(leaf >> 8, leaf & 255, KINDS[kind], SOURCES[source]), clear);
}
