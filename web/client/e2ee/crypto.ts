// The page's handle on the encrypting worker of one stay in a call: typed requests, and transforms on senders and
// receivers.

import { Store } from "../store";
import { fromBase64url, toBase64url, type Bytes } from "./bytes";
import { LEAF_LABEL, type Certificate, type Identity, type Trust } from "./credential";
import { signWith, type DeviceKeys } from "./device";
import type { CommitOutput, GroupChange, GroupView, ReceivedMessage, SentMessage } from "./mls";
import type { Expected, Outgoing } from "./pipeline";
import type { Call, Calls, Counts, FromWorker, RefusedReply, Stream } from "./rpc";
import { startWorker, type CurveSource } from "./start";
import type { Role } from "../types";

export type { GroupView, CommitOutput, GroupChange, ReceivedMessage, SentMessage } from "./mls";
export type { Member, MlsRefusal } from "./authentication";
export type { Counts, StreamCounts } from "./rpc";
export type { Expected, FrameRefusal, Outgoing } from "./pipeline";

/** Whose call this is, on which device. */
export interface Oneself {
  readonly appointment: string;
  readonly seat: string;
  readonly role: Role;
  readonly name: string;
  readonly device: DeviceKeys;
  /** Staff: what the organisation has certified this device as. */
  readonly certificate: Certificate | null;
  /** People with a link: its invitation secret. */
  readonly invitation: Bytes | null;
}

/** The worker did not do what it was asked for; the group stays as it was. */
export class CryptoRefused extends Error {
  override readonly name = "CryptoRefused";
  readonly code: RefusedReply["code"] | "failed";
  /** Why a credential was refused, where that was the reason. */
  readonly credential: RefusedReply["credential"];

  constructor({ code, credential, text }: Omit<RefusedReply, "code"> & { readonly code: CryptoRefused["code"] }) {
    super(text);
    this.code = code;
    this.credential = credential;
  }
}

/** The browser did not take a transform at once: media would pass it by. Nothing may be negotiated after that. */
export class NotAttached extends Error {
  override readonly name = "NotAttached";
}

/** A worker that is silent for so long is taken for dead. */
const SILENCE_MS = 15_000;

interface Waiting {
  readonly accept: (data: unknown) => void;
  readonly refuse: (error: CryptoRefused) => void;
  readonly deadline: ReturnType<typeof setTimeout>;
}

/** How encoded frames reach the worker in this browser; null: not at all. */
export type AttachmentPath = "script" | "streams" | null;

interface WithEncodedStreams {
  createEncodedStreams?(): { readable: ReadableStream; writable: WritableStream };
}

declare const PORUCH_TEST_BUILD: boolean;

export function attachmentPath(): AttachmentPath {
  const forced = PORUCH_TEST_BUILD && "poruchForceEncodedStreams" in window;
  if (typeof RTCRtpScriptTransform === "function" && !forced) return "script";
  const { prototype } = RTCRtpSender as unknown as { prototype: WithEncodedStreams };
  return typeof prototype.createEncodedStreams === "function" ? "streams" : null;
}

/** Everything here ends with `close` or with `failed`; a new one begins with a fresh leaf, because nothing is kept. */
export class CallCrypto {
  /** The group as it is now; null before joining and after removal. */
  readonly group = new Store<GroupView | null>(null);
  /** What became of the frames of each stream; told a few times a second. */
  readonly counts = new Store<Counts>({});
  /** Set once: the worker is gone, and all keys with it. Transports have to be built anew with another CallCrypto. */
  readonly failed = new Store<string | null>(null);

  readonly #worker: Worker;
  readonly #device: DeviceKeys;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #streams = 0;

  private constructor(worker: Worker, device: DeviceKeys) {
    this.#worker = worker;
    this.#device = device;
    worker.onmessage = (event: MessageEvent<FromWorker>) => this.#hear(event.data);
    worker.onerror = (event) => this.#fail(event.message || "The encrypting worker has stopped.");
    worker.onmessageerror = () => this.#fail("The encrypting worker cannot be understood.");
  }

  /** Fetches the worker with its integrity hash and starts it from a blob. Rejects when that fails: never go on
   * without. */
  static async start(oneself: Oneself, trust: Trust, curves: CurveSource): Promise<CallCrypto> {
    const { device, invitation, appointment, seat, role, name, certificate } = oneself;
    const crypto = new CallCrypto(await startWorker(curves), device);
    const claimant = {
      appointment,
      seat,
      role,
      name,
      certificate,
      device: device.signKey,
      invitation: invitation && toBase64url(invitation),
    };
    await crypto.#ask("begin", { claimant, trust });
    return crypto;
  }

  /** New revocations, or secrets that were learnt: everybody is judged again. */
  async trust(trust: Trust): Promise<void> {
    this.#show(await this.#ask("trust", trust));
  }

  /** Who sends a key package, as far as it proves that. */
  judge(keyPackage: string): Promise<Identity> {
    return this.#ask("judge", keyPackage);
  }

  /** A fresh leaf that asks to be added, for `mls.key_package`. Only the last one can be welcomed. */
  async keyPackage(): Promise<string> {
    return this.#ask("keyPackage", { proof: await this.#prove() });
  }

  /** Raises a group with this device alone. Sending begins with `switchSending(0)`. */
  async createGroup(): Promise<GroupView> {
    return this.#show(await this.#ask("create", { proof: await this.#prove() }));
  }

  /** The data of a `mls.commit`; then `commitWon` or `commitLost`. */
  commit(change: GroupChange): Promise<CommitOutput> {
    return this.#ask("commit", change);
  }

  async commitWon(): Promise<GroupView> {
    return this.#show(await this.#ask("won", null));
  }

  async commitLost(): Promise<void> {
    await this.#ask("lost", null);
  }

  /** null: this leaf was removed; all keys are gone. */
  async receiveCommit(commit: string): Promise<GroupView | null> {
    return this.#show(await this.#ask("receiveCommit", commit));
  }

  async receiveWelcome(welcome: string): Promise<GroupView> {
    return this.#show(await this.#ask("receiveWelcome", welcome));
  }

  /** Seals with this epoch's key from now on. */
  async switchSending(epoch: number): Promise<void> {
    await this.#ask("switchSending", epoch);
  }

  /** The message of a `mls.message`, readable for the members alone. */
  send(payload: string): Promise<SentMessage> {
    return this.#ask("protect", payload);
  }

  receive(message: string): Promise<ReceivedMessage> {
    return this.#ask("unprotect", message);
  }

  /** The counts as they are now. Read the browser's statistics **before** asking. */
  figures(): Promise<Counts> {
    return this.#ask("figures", null);
  }

  /** Call it in `onRtpSender`, in the same task: later would let frames out in the clear. Returns the stream's
   * number. Throws NotAttached. */
  attachSender(sender: RTCRtpSender, { kind, source, vp9 = false }: Outgoing): number {
    return this.#attach(sender, { id: ++this.#streams, side: "send", kind, source, vp9 });
  }

  /** Call it in `onRtpReceiver`, in the same task. Only frames of that seat, kind and source will come through. */
  attachReceiver(receiver: RTCRtpReceiver, { seat, kind, source, vp9 = false }: Expected): number {
    return this.#attach(receiver, { id: ++this.#streams, side: "receive", seat, kind, source, vp9 });
  }

  /** Forgets the counts of a stream whose sender or receiver is closed. */
  detach(stream: number): void {
    if (this.failed.value === null) void this.#ask("detach", stream).catch(() => undefined);
  }

  /** Ends the worker, and with it every key. */
  close(): void {
    this.#fail("closed");
  }

  async #prove(): Promise<string> {
    return signWith(this.#device, LEAF_LABEL, fromBase64url(await this.#ask("leaf", null)));
  }

  #attach(end: RTCRtpSender | RTCRtpReceiver, stream: Stream): number {
    if (attachmentPath() === "script") {
      const transform = new RTCRtpScriptTransform(this.#worker, stream);
      end.transform = transform;
      if (end.transform !== transform) throw new NotAttached("The browser has not taken the transform.");
      return stream.id;
    }
    const streams = (end as WithEncodedStreams).createEncodedStreams?.();
    if (!streams) throw new NotAttached("This browser gives no access to encoded frames.");
    const { readable, writable } = streams;
    void this.#ask("attach", { stream, readable, writable }, [readable, writable]).catch(() => undefined);
    return stream.id;
  }

  #ask<C extends Call>(call: C, data: Calls[C][0], transfer: Transferable[] = []): Promise<Calls[C][1]> {
    return new Promise<Calls[C][1]>((accept, refuse) => {
      if (this.failed.value !== null) return refuse(gone(this.failed.value));
      const id = ++this.#asked;
      const deadline = setTimeout(() => this.#fail("The encrypting worker does not answer."), SILENCE_MS);
      this.#waiting.set(id, { accept: accept as (data: unknown) => void, refuse, deadline });
      this.#worker.postMessage({ id, call, data }, transfer);
    });
  }

  #hear(message: FromWorker): void {
    if ("counts" in message) return this.counts.set(message.counts);
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    this.#waiting.delete(message.id);
    clearTimeout(waiting.deadline);
    if (message.ok) waiting.accept(message.data);
    else waiting.refuse(new CryptoRefused(message));
  }

  #show<V extends GroupView | null>(view: V): V {
    this.group.set(view);
    return view;
  }

  #fail(reason: string): void {
    if (this.failed.value !== null) return;
    this.#worker.terminate();
    for (const { refuse, deadline } of this.#waiting.values()) {
      clearTimeout(deadline);
      refuse(gone(reason));
    }
    this.#waiting.clear();
    this.group.set(null);
    this.failed.set(reason);
  }
}

const gone = (text: string): CryptoRefused => new CryptoRefused({ code: "failed", credential: null, text });
