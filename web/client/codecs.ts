// Which codecs a call has: Opus and VP8 for everybody, VP9 for a screen where everybody takes it.

import type { types } from "mediasoup-client";

import type { Snapshot } from "./types";

const VP9 = "video/vp9";

/** What the encryption leaves readable is known for these alone. */
export const CODECS: ReadonlySet<string> = new Set(["audio/opus", "video/vp8", VP9, "video/rtx"]);

export const isVp9 = (codec: { readonly mimeType: string } | undefined): boolean => codec?.mimeType.toLowerCase() === VP9;

/** Whether pictures in VP9 may be sent to this browser; each one that has VP9 decodes its profile 0. */
export function takesVp9(): boolean {
  return has(globalThis.RTCRtpReceiver);
}

/** What to send a screen in: VP9, in which letters are sharper at the same rate, where this browser has it and everybody
 * who is in takes it; otherwise null, which is VP8. People's cameras are always VP8, in several sizes. */
export function vp9For(device: types.Device, { people }: Pick<Snapshot, "people">): types.RtpCodecCapability | null {
  if (!has(globalThis.RTCRtpSender) || !allTakeVp9(people)) return null;
  return device.rtpCapabilities.codecs?.find(isVp9) ?? null;
}

/** Who was lost a moment ago comes back with the same browser. */
export function allTakeVp9(people: Snapshot["people"]): boolean {
  return people.every(({ phase, abilities }) => (phase !== "in" && phase !== "lost") || abilities.vp9);
}

function has(end: typeof RTCRtpSender | typeof RTCRtpReceiver | undefined): boolean {
  return end?.getCapabilities?.("video")?.codecs.some(isVp9) ?? false;
}
