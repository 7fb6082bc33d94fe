// Proves in this very browser that encryption holds: a loopback connection over which nothing leaves without a key,
// and over which frames arrive with one. Runs in the device check, with the worker and the code of the call itself.

import { random, toBase64url } from "./bytes";
import { issueCertificate, type Trust } from "./credential";
import { attachmentPath, CallCrypto, NotAttached } from "./crypto";
import type { AttachmentPath, Counts, Oneself, Outgoing } from "./crypto";
import { makeDevice } from "./device";
import { ECDSA, exportSpki, fingerprint } from "./signatures";
import { probeCurves, type CurveSource } from "./start";
import { browserFigure } from "./watchdog";

/** `no_access`: no way to encoded frames. `leaks`: a packet left without a key, or would have, past a transform that was not taken. `silent`: nothing arrived with one,
 * in time.
 * `failed`: something in between did not work at all. */
export type ProofFailure = "no_access" | "leaks" | "silent" | "failed";

export type Proof =
  | { readonly ok: true; readonly path: Exclude<AttachmentPath, null>; readonly curves: CurveSource }
  | { readonly ok: false; readonly reason: ProofFailure; readonly detail: string };

class Leak extends Error {}

/** So many frames of each kind have to be held back without a key, and come through with it. */
const FRAMES = 5;
const POLL_MS = 50;
const SEAT = "proof";
const APPOINTMENT = "proof";

/** Takes a second or two; `signal` says when to give up. Call it after a tap, as sound must be allowed to run.
 * Never rejects. */
export async function proveEncryption(signal: AbortSignal): Promise<Proof> {
  const path = attachmentPath();
  if (!path) return { ok: false, reason: "no_access", detail: "No encoded transforms in this browser." };
  const endings: (() => void)[] = [];
  try {
    const curves = await probeCurves();
    const crypto = await certifiedAlone(curves);
    endings.push(() => crypto.close());
    const loop = await openLoop(crypto, endings);
    // Without a key: the worker has refused frames of both kinds, which shows that they do come by, and no packet has
    // left.
    await until(signal, async () => {
      const refused = refusedWithoutKey(await crypto.figures(), loop.senders);
      if ((await packetsSent(loop.from)) > 0) throw new Leak("A packet left without a key.");
      return refused;
    });
    const { epoch } = await crypto.createGroup();
    await crypto.switchSending(epoch);
    await until(signal, async () => {
      const figures = await crypto.figures();
      return loop.receivers.every((id) => (figures[id]?.done ?? 0) >= FRAMES) && (await decoded(loop.to)) >= FRAMES;
    });
    return { ok: true, path, curves };
  } catch (error) {
    const reason = error instanceof Leak || error instanceof NotAttached ? "leaks" : signal.aborted ? "silent" : "failed";
    return { ok: false, reason, detail: String(error) };
  } finally {
    for (const end of endings.reverse()) end();
  }
}

/** A worker for somebody who exists only for this proof: an organisation, a device, a certificate, an appointment. */
async function certifiedAlone(curves: CurveSource): Promise<CallCrypto> {
  const organisation = await crypto.subtle.generateKey(ECDSA, false, ["sign", "verify"]);
  const key = await exportSpki(organisation.publicKey);
  const device = await makeDevice();
  const day = 86_400_000;
  const certificate = await issueCertificate(organisation.privateKey, {
    v: 1,
    kind: "device-certificate",
    organisation: await fingerprint(key),
    account: SEAT,
    name: SEAT,
    role: "psychologist",
    sign: device.signKey,
    seal: device.sealKey,
    issued: new Date(Date.now() - day).toISOString(),
    expires: new Date(Date.now() + day).toISOString(),
  });
  const oneself: Oneself = {
    appointment: APPOINTMENT,
    seat: SEAT,
    role: "psychologist",
    name: SEAT,
    device,
    certificate,
    invitation: null,
  };
  const trust: Trust = {
    appointment: APPOINTMENT,
    organisation: { key, pinned: true },
    revoked: [],
    invitations: {},
    secret: toBase64url(random(16)),
  };
  return CallCrypto.start(oneself, trust, curves);
}

interface Loop {
  readonly from: RTCPeerConnection;
  readonly to: RTCPeerConnection;
  /** Stream numbers. */
  readonly senders: readonly number[];
  readonly receivers: readonly number[];
}

/** Two connections in this page, attached exactly as a call attaches its own. */
async function openLoop(crypto: CallCrypto, endings: (() => void)[]): Promise<Loop> {
  // Chromium's own switch for encoded transforms; others do not mind it.
  const configuration = { encodedInsertableStreams: true } as RTCConfiguration;
  const from = new RTCPeerConnection(configuration);
  const to = new RTCPeerConnection(configuration);
  endings.push(() => from.close(), () => to.close());
  from.onicecandidate = ({ candidate }) => void to.addIceCandidate(candidate ?? undefined).catch(() => undefined);
  to.onicecandidate = ({ candidate }) => void from.addIceCandidate(candidate ?? undefined).catch(() => undefined);
  const receivers: number[] = [];
  to.ontrack = ({ receiver, track }) => {
    receivers.push(crypto.attachReceiver(receiver, { seat: SEAT, ...streamOf(track) }));
    endings.push(play(track));
  };
  const senders: number[] = [];
  const tracks = [syntheticSound(endings), syntheticPicture(endings)];
  for (const track of tracks) {
    const { sender } = from.addTransceiver(track.kind, { direction: "sendonly" });
    senders.push(crypto.attachSender(sender, streamOf(track)));
    await sender.replaceTrack(track);
  }
  preferVp8(from);
  await from.setLocalDescription();
  await to.setRemoteDescription(from.localDescription as RTCSessionDescription);
  await to.setLocalDescription();
  await from.setRemoteDescription(to.localDescription as RTCSessionDescription);
  return { from, to, senders, receivers };
}

const streamOf = ({ kind }: MediaStreamTrack): Outgoing =>
  kind === "video" ? { kind: "video", source: "camera" } : { kind: "audio", source: "microphone" };

/** Calls send VP8, of which some bytes stay clear. */
function preferVp8(connection: RTCPeerConnection): void {
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const vp8 = codecs.filter((codec) => codec.mimeType === "video/VP8");
  for (const transceiver of connection.getTransceivers())
    if (transceiver.sender.track?.kind === "video") transceiver.setCodecPreferences(vp8);
}

function syntheticPicture(endings: (() => void)[]): MediaStreamTrack {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const context = canvas.getContext("2d");
  let hue = 0;
  const drawing = setInterval(() => {
    if (!context) return;
    context.fillStyle = `hsl(${(hue += 20)} 80% 50%)`;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }, POLL_MS);
  const track = canvas.captureStream(1_000 / POLL_MS).getVideoTracks()[0] as MediaStreamTrack;
  endings.push(() => clearInterval(drawing), () => track.stop());
  return track;
}

/** A tone that nobody hears. Without any source a browser makes no audio frames at all. */
function syntheticSound(endings: (() => void)[]): MediaStreamTrack {
  const audio = new AudioContext();
  const destination = audio.createMediaStreamDestination();
  const tone = audio.createOscillator();
  tone.connect(destination);
  tone.start();
  void audio.resume();
  const track = destination.stream.getAudioTracks()[0] as MediaStreamTrack;
  endings.push(() => void audio.close(), () => track.stop());
  return track;
}

/** Nothing is decoded that nobody plays. */
function play(track: MediaStreamTrack): () => void {
  const element = document.createElement("video");
  element.muted = true;
  element.srcObject = new MediaStream([track]);
  void element.play().catch(() => undefined);
  return () => {
    element.srcObject = null;
  };
}

const refusedWithoutKey = (figures: Counts, senders: readonly number[]): boolean =>
  senders.every((id) => (figures[id]?.refused.no_key ?? 0) >= FRAMES);

async function packetsSent(connection: RTCPeerConnection): Promise<number> {
  return sum(connection, "outbound-rtp", (entry) => Number(entry["packetsSent"] ?? 0));
}

async function decoded(connection: RTCPeerConnection): Promise<number> {
  return sum(connection, "inbound-rtp", (entry) => (entry["kind"] === "video" ? (browserFigure(entry) ?? 0) : 0));
}

async function sum(
  connection: RTCPeerConnection,
  type: string,
  figure: (entry: Record<string, unknown>) => number,
): Promise<number> {
  const entries = [...((await connection.getStats()) as ReadonlyMap<string, Record<string, unknown>>).values()];
  return entries.filter((entry) => entry["type"] === type).reduce((total, entry) => total + figure(entry), 0);
}

async function until(signal: AbortSignal, fits: () => Promise<boolean>): Promise<void> {
  while (!(await fits())) {
    if (signal.aborted) throw signal.reason;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
