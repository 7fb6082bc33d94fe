// WebRTC transports as this server needs them. Everything that sends or receives media is attached here and nowhere else.

import { Device, type types } from "mediasoup-client";

import { CODECS, isVp9 } from "./codecs";
import type { Connection } from "./connection";
import type { CallCrypto } from "./e2ee/crypto";
import { standInFor, type StandIn } from "./stand-in";
import type { ProducerState, Source } from "./types";

/** Without it Chromium lets frames out before a transform is attached; with it nothing leaves that no transform has passed on. */
const ENCODED = { encodedInsertableStreams: true } as Partial<RTCConfiguration>;

/** Pictures of people move, and come in several sizes; what is on a screen has to be legible and may change slowly. */
const OPTIONS: Readonly<Record<Source, Pick<types.ProducerOptions, "encodings" | "codecOptions">>> = {
  microphone: { codecOptions: { opusFec: true, opusDtx: false, opusStereo: false } },
  camera: { codecOptions: { videoGoogleStartBitrate: 500 } },
  screen: {
    encodings: [{ maxBitrate: 1_500_000, maxFramerate: 10, scalabilityMode: "L1T1" }],
    codecOptions: { videoGoogleStartBitrate: 800 },
  },
};

/** A permanent first section that exists only on this side. A browser only disables its first section when that is closed, keeps its
 * SSRC, and cannot open it again: so the first one must never be closed. */
const ANCHOR: types.ConsumerOptions = {
  id: "anchor",
  producerId: "anchor",
  kind: "audio",
  rtpParameters: {
    mid: "anchor",
    codecs: [
      { mimeType: "audio/opus", payloadType: 100, clockRate: 48_000, channels: 2, parameters: {}, rtcpFeedback: [] },
    ],
    headerExtensions: [],
    encodings: [{ ssrc: 1111 }],
    rtcp: { cname: "anchor" },
  },
};

export async function loadDevice(connection: Connection): Promise<types.Device> {
  const device = await Device.factory();
  const { routerRtpCapabilities } = await connection.request("media.capabilities", {});
  const codecs = (routerRtpCapabilities.codecs ?? []).filter((codec) => CODECS.has(codec.mimeType.toLowerCase()));
  await device.load({ routerRtpCapabilities: { ...routerRtpCapabilities, codecs } });
  return device;
}

export async function openSend(connection: Connection, device: types.Device): Promise<types.Transport> {
  const options = await connection.request("transport.create", { direction: "send" });
  const transport = device.createSendTransport({ ...options, additionalSettings: ENCODED });
  connectThrough(connection, transport);
  transport.on("produce", ({ kind, rtpParameters, appData }, accept, refuse) => {
    const { source, paused, height } = appData as { source: Source; paused: boolean; height?: number };
    const told = { transportId: transport.id, kind, source, rtpParameters, paused };
    connection
      .request("producer.create", height === undefined ? told : { ...told, height })
      .then(accept, refuse);
  });
  return transport;
}

export async function openReceive(connection: Connection, device: types.Device): Promise<types.Transport> {
  const options = await connection.request("transport.create", { direction: "recv" });
  const transport = device.createRecvTransport({ ...options, additionalSettings: ENCODED });
  connectThrough(connection, transport);
  await transport.consume(ANCHOR);
  return transport;
}

function connectThrough(connection: Connection, transport: types.Transport): void {
  transport.on("connect", ({ dtlsParameters }, accept, refuse) => {
    connection.request("transport.connect", { transportId: transport.id, dtlsParameters }).then(() => accept(), refuse);
  });
}

/** One direction of one medium, and the number by which the encrypting worker counts its frames. */
export interface Sending {
  readonly producer: types.Producer;
  readonly stream: number;
  /** What the server was told last. */
  paused: boolean;
  /** Whether the worker has sealed a frame of it, which proves that its transform is at work. */
  sealed: boolean;
  /** Black or silent, in the place of the person's own track until that is proven; null afterwards. */
  standIn: StandIn | null;
  /** No frame of the stand-in has come for a while, so another one has to take its place. */
  late: boolean;
  /** Whether only browsers that take VP9 can be given it. */
  readonly vp9: boolean;
  /** With which need of the person's the browser was asked to share out the line; null: not yet. */
  weighed: boolean | null;
}

export interface Receiving {
  readonly consumer: types.Consumer;
  readonly stream: number;
}

/** Begins with a black or silent stand-in for the track: what a browser lets out past a transform, because it came too
 * late or was ignored, holds nothing of the person. Keys have to be there before. */
export async function publish(
  transport: types.Transport,
  crypto: CallCrypto,
  track: MediaStreamTrack,
  source: Source,
  paused: boolean,
  vp9: types.RtpCodecCapability | null = null,
): Promise<Sending> {
  const height = tallness(track);
  const standIn = standInFor(track);
  try {
    // Whoever takes its place in a silent producer is silent, too.
    standIn.track.enabled = false;
    const { producer, stream } = await produce(transport, crypto, standIn.track, source, paused, height, vp9);
    return { producer, stream, paused, sealed: false, standIn, late: false, vp9: vp9 !== null, weighed: null };
  } catch (error) {
    standIn.stop();
    throw error;
  }
}

async function produce(
  transport: types.Transport,
  crypto: CallCrypto,
  track: MediaStreamTrack,
  source: Source,
  paused: boolean,
  height: number,
  vp9: types.RtpCodecCapability | null,
): Promise<{ producer: types.Producer; stream: number }> {
  const audio = source === "microphone";
  let stream: number | null = null;
  const producer = await transport.produce({
    track,
    // Whoever opened the track closes it.
    stopTracks: false,
    // In this very task: a transform that comes later is ignored by Chromium, and the media leaves in the clear.
    onRtpSender: (sender) => {
      stream = crypto.attachSender(sender, { kind: audio ? "audio" : "video", source, vp9: vp9 !== null });
    },
    appData: { source, paused, ...(audio ? {} : { height }) },
    ...OPTIONS[source],
    ...(source === "camera" ? { encodings: sizes(height) } : {}),
    ...(vp9 ? { codec: vp9 } : {}),
  });
  if (stream === null) {
    producer.close();
    throw new Error("Nothing was attached to a sender.");
  }
  return { producer, stream };
}

/** Lines of the camera's picture. */
function tallness(track: MediaStreamTrack): number {
  const { width = 640, height = 360 } = track.getSettings();
  return Math.min(width, height);
}

/** The same picture in several sizes, the smallest first: each who watches gets the one that fits. */
function sizes(height: number): types.RtpEncodingParameters[] {
  const rates = height >= 720 ? [150_000, 500_000, 1_400_000] : height >= 360 ? [150_000, 600_000] : [350_000];
  if (rates.length === 1) return [{ maxBitrate: rates[0]! }];
  return rates.map((maxBitrate, place) => ({ maxBitrate, scaleResolutionDownBy: 2 ** (rates.length - 1 - place) }));
}

/** A failure here leaves the transport in an unknown state: throw it away and open another. */
export async function receive(
  connection: Connection,
  transport: types.Transport,
  crypto: CallCrypto,
  { id: producerId, seat, kind, source }: ProducerState,
): Promise<Receiving> {
  const { id, rtpParameters } = await connection.request("consumer.create", { producerId });
  const vp9 = isVp9(rtpParameters.codecs[0]);
  let stream: number | null = null;
  const consumer = await transport.consume({
    id,
    producerId,
    kind,
    rtpParameters,
    onRtpReceiver: (receiver) => {
      stream = crypto.attachReceiver(receiver, { seat, kind, source, vp9 });
    },
  });
  if (stream === null) throw new Error("Nothing was attached to a receiver.");
  return { consumer, stream };
}

/** How far a transport is; "mending" when it was up before. */
export type Health = "up" | "connecting" | "mending";

/** Restarts ICE while a transport is down and the server can be asked; gives up into `onHopeless` after three attempts. */
export function keepAlive(
  connection: Connection,
  transport: types.Transport,
  onHealth: (health: Health) => void,
  onHopeless: () => void,
): void {
  let mending = false;
  let wasUp = false;
  const mend = async (attempt: number): Promise<void> => {
    if (transport.closed || transport.connectionState === "connected" || connection.link.value !== "up") {
      mending = false;
      return;
    }
    try {
      if (attempt > 3) throw new Error("ICE does not come back");
      await restartIce(connection, transport);
    } catch {
      mending = false;
      if (!transport.closed && connection.link.value === "up") onHopeless();
      return;
    }
    setTimeout(() => void mend(attempt + 1), 5_000);
  };
  transport.on("connectionstatechange", (state) => {
    if (state === "connected") wasUp = true;
    onHealth(state === "connected" ? "up" : wasUp ? "mending" : "connecting");
    if ((state === "disconnected" || state === "failed") && !mending) {
      mending = true;
      void mend(1);
    }
  });
}

export async function restartIce(connection: Connection, transport: types.Transport): Promise<void> {
  const { iceParameters } = await connection.request("transport.restart_ice", { transportId: transport.id });
  await transport.restartIce({ iceParameters });
}
