// WebRTC transports as this server needs them. Everything that sends or receives media is attached here and nowhere else.

import { Device, type types } from "mediasoup-client";

import type { Connection } from "./connection";
import type { Source } from "./types";

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
  await device.load({ routerRtpCapabilities });
  return device;
}

export async function openSend(connection: Connection, device: types.Device): Promise<types.Transport> {
  const transport = device.createSendTransport(await connection.request("transport.create", { direction: "send" }));
  connectThrough(connection, transport);
  transport.on("produce", ({ kind, rtpParameters, appData }, accept, refuse) => {
    const { source, paused } = appData as { source: Source; paused: boolean };
    connection
      .request("producer.create", { transportId: transport.id, kind, source, rtpParameters, paused })
      .then(accept, refuse);
  });
  return transport;
}

export async function openReceive(connection: Connection, device: types.Device): Promise<types.Transport> {
  const transport = device.createRecvTransport(await connection.request("transport.create", { direction: "recv" }));
  connectThrough(connection, transport);
  await transport.consume(ANCHOR);
  return transport;
}

function connectThrough(connection: Connection, transport: types.Transport): void {
  transport.on("connect", ({ dtlsParameters }, accept, refuse) => {
    connection.request("transport.connect", { transportId: transport.id, dtlsParameters }).then(() => accept(), refuse);
  });
}

/** The track stays its owner's: closing the producer does not stop it. */
export function publish(
  transport: types.Transport,
  track: MediaStreamTrack,
  source: Source,
  paused: boolean,
): Promise<types.Producer> {
  const audio = source === "microphone";
  return transport.produce({
    track,
    stopTracks: false,
    appData: { source, paused },
    ...(audio ? { codecOptions: { opusFec: true, opusDtx: false, opusStereo: false } } : {}),
    ...(audio ? {} : { encodings: [{ maxBitrate: 600_000 }], codecOptions: { videoGoogleStartBitrate: 500 } }),
  });
}

/** A failure here leaves the transport in an unknown state: throw it away and open another. */
export async function receive(
  connection: Connection,
  transport: types.Transport,
  producerId: string,
): Promise<types.Consumer> {
  const { id, kind, rtpParameters } = await connection.request("consumer.create", { producerId });
  return transport.consume({ id, producerId, kind, rtpParameters });
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
