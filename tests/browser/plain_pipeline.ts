// The encryption switched off, for the curious server's positive control: built in place of the client's pipeline by tests alone.
// Keys, transforms, counts and watchdog are the call's own; only sealing and opening are gone.

import type { Bytes } from "../../web/client/e2ee/bytes";
import type { KeyRing } from "../../web/client/e2ee/keys";
import type { Expected, FrameRefusal, Outgoing } from "../../web/client/e2ee/pipeline";

console.info("poruch: nothing is encrypted");

export async function sealFrame(keys: KeyRing, _stream: Outgoing, data: Bytes): Promise<Bytes | "no_key"> {
  return keys.sending ? data : "no_key";
}

export async function openFrame(_keys: KeyRing, _stream: Expected, data: Bytes): Promise<Bytes | FrameRefusal> {
  return data;
}
