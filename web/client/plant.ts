// What one stay in a room has built of media: transports, and what goes over them.

import type { types } from "mediasoup-client";

import type { CallCrypto } from "./e2ee/crypto";
import type { Receiving, Sending } from "./transports";
import type { Source } from "./types";

/** Everything that is lost together when the media worker is replaced. */
export interface Plant {
  epoch: number;
  /** Which entry into the room it was built in. */
  entry: number;
  /** Whose transforms are attached; they die with it. */
  crypto: CallCrypto;
  device: types.Device;
  send: types.Transport | null;
  receive: types.Transport | null;
  producers: Map<Source, Sending>;
  consumers: Map<string, Receiving>;
  /** What the engine was told of each consumer, and of the person. */
  preferred: Map<string, string>;
  sight: boolean;
}

/** One end of a medium in the browser, for comparing its counts with the worker's. */
export interface End {
  stream: number;
  end: RTCRtpSender | RTCRtpReceiver;
}
