// One seat's media: what it sends and what it receives, brought again and again into line with the room's last snapshot.

import type { types } from "mediasoup-client";

import { screenKey, type Shown } from "./call/sizes";
import { vp9For } from "./codecs";
import type { Connection } from "./connection";
import type { Devices } from "./devices";
import { NotAttached, type Counts } from "./e2ee/crypto";
import type { Encryption, Stay } from "./encryption";
import type { End, Plant } from "./plant";
import { twinOf } from "./stand-in";
import { Store } from "./store";
import {
  keepAlive,
  loadDevice,
  openReceive,
  openSend,
  publish,
  receive,
  type Health,
  type Receiving,
  type Sending,
} from "./transports";
import { ProtocolError, type Kind, type ProducerState, type Snapshot, type Source } from "./types";
import { weighAll } from "./weights";

export interface RemoteStream {
  producerId: string;
  seat: string;
  kind: Kind;
  source: Source;
  track: MediaStreamTrack;
  /** The number by which the encrypting worker counts its frames. */
  stream: number;
}

/** Refusals that pass without anything being lost; after any other one everything is built anew. */
const PASSING = new Set([
  "timeout",
  "disconnected",
  "busy",
  "internal",
  "too_many_requests",
  "media_unavailable",
  "room_paused",
  "consent_missing",
  "out_of_order",
]);
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8_000;
/** So long silence that the page makes may take to reach the worker. */
const LATE_MS = 2_000;

export class MediaSession {
  readonly streams = new Store<readonly RemoteStream[]>([]);
  readonly health = new Store<Health>("connecting");
  /** The person's own wish; what the host has muted is in the snapshot. */
  readonly muted = new Store(false);
  /** This person has just said stop: nothing flows, whatever the server has heard of it. */
  readonly halted = new Store(false);
  /** No pictures of others, to spare a weak line; one's own camera is a matter of `devices`. */
  readonly audioOnly = new Store(false);
  /** How people's pictures stand on the screen, by seat; who is not here is not looked at. null: not drawn yet. */
  readonly shown = new Store<ReadonlyMap<string, Shown> | null>(null);
  /** Whether this person signs or reads lips: pictures before sound. */
  readonly sight = new Store(false);
  /** Producers that the engine keeps back, because this line cannot carry them now. */
  readonly held = new Store<ReadonlySet<string>>(new Set());

  readonly #connection: Connection;
  readonly #devices: Devices;
  readonly #encryption: Encryption;
  readonly #stops: (() => void)[] = [];
  readonly #healths = new Map<types.Transport, Health>();
  #plant: Plant | null = null;
  #dirty = false;
  #running = false;
  #stopped = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(connection: Connection, devices: Devices, encryption: Encryption) {
    this.#connection = connection;
    this.#devices = devices;
    this.#encryption = encryption;
    for (const store of [
      connection.snapshots,
      connection.link,
      encryption.stay,
      encryption.stage,
      encryption.view,
      encryption.paused,
      devices,
      devices.screen,
      this.muted,
      this.halted,
      this.audioOnly,
      this.shown,
      this.sight,
    ] as Store<unknown>[]) {
      this.#stops.push(store.subscribe(this.#wake));
    }
    // Keys that are gone or a call that is stopped end all media at once, whatever is just being built.
    for (const store of [encryption.stay, encryption.stage, encryption.paused] as Store<unknown>[])
      this.#stops.push(store.subscribe(() => !encryption.flows && this.#plant && this.#drop()));
    this.#stops.push(this.halted.subscribe((halted) => halted && this.#drop()));
    this.#stops.push(connection.lostTransport.subscribe((id) => this.#lose(id)));
    this.#stops.push(connection.heldConsumer.subscribe(({ consumerId, held }) => this.#hold(consumerId, held)));
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    for (const stop of this.#stops) stop();
    this.#drop();
  }

  /** The receiving end of each remote stream, for measuring. */
  receivers(): { stream: RemoteStream; receiver: RTCRtpReceiver }[] {
    return this.streams.value.flatMap((stream) => {
      const receiver = this.#plant?.consumers.get(stream.producerId)?.consumer.rtpReceiver;
      return receiver ? [{ stream, receiver }] : [];
    });
  }

  /** The sending ends, for measuring. */
  senders(): RTCRtpSender[] {
    return [...(this.#plant?.producers.values() ?? [])].flatMap(({ producer }) => producer.rtpSender ?? []);
  }

  /** All ends that have a transform. */
  ends(): End[] {
    const { producers, consumers } = this.#plant ?? { producers: new Map(), consumers: new Map() };
    const sending = [...producers.values()].map(({ producer, stream }) => ({ stream, end: producer.rtpSender }));
    const receiving = [...consumers.values()].map(({ consumer, stream }) => ({ stream, end: consumer.rtpReceiver }));
    return [...sending, ...receiving].filter((one): one is End => one.end !== undefined);
  }

  readonly #wake = (): void => {
    this.#dirty = true;
    if (!this.#running && !this.#stopped) void this.#run();
  };

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false;
      try {
        await this.#reconcile();
        this.#retryMs = FIRST_RETRY_MS;
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof NotAttached) {
          this.#devices.closeAll();
          this.#encryption.halt("bypassed");
        }
        if (!(error instanceof ProtocolError && PASSING.has(error.code))) {
          console.warn("Media is built anew:", error);
          this.#drop();
        }
        clearTimeout(this.#retry);
        this.#retry = setTimeout(this.#wake, this.#retryMs);
        this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
      }
    }
    this.#running = false;
  }

  async #reconcile(): Promise<void> {
    const snapshot = this.#connection.state;
    if (!snapshot || snapshot.you.phase !== "in" || this.#connection.link.value !== "up") return;
    // A new entry begins without anything of the old one, a new media worker without anything at all, and without keys
    // there is nothing to send or to receive with.
    const stay = this.#encryption.flows ? this.#encryption.stay.value : null;
    const stale =
      this.#plant?.epoch !== snapshot.room.media_epoch ||
      this.#plant.entry !== this.#connection.entries.value ||
      this.#plant.crypto !== stay?.crypto;
    if (this.#plant && stale) this.#drop();
    // Who has not agreed, or has taken it back, has no media.
    const agreed = !this.halted.value && snapshot.you.consent !== "ask" && snapshot.you.consent !== "refuse";
    if (this.#plant && !agreed) this.#drop();
    if (snapshot.room.phase !== "open" || !stay || !agreed) return;
    const plant = (this.#plant ??= await this.#build(snapshot.room.media_epoch, stay));
    // Side by side, so that nobody's picture waits for one's own; and both to their end before anything else is done.
    const ways = await Promise.allSettled([this.#sendAll(plant, snapshot), this.#receive(plant, snapshot)]);
    for (const way of ways) if (way.status === "rejected") throw way.reason;
  }

  async #sendAll(plant: Plant, snapshot: Snapshot): Promise<void> {
    const { microphone, camera } = this.#devices.value;
    await this.#send(plant, "microphone", microphone, this.muted.value);
    await this.#send(plant, "camera", camera, false);
    const vp9 = vp9For(plant.device, snapshot);
    const screen = plant.producers.get("screen");
    // Somebody has come who could not be given it: from now on it is VP8, until it is shown another time.
    if (screen?.vp9 && !vp9) await this.#withdraw(plant, "screen", screen);
    await this.#send(plant, "screen", this.#devices.screen.value, false, vp9);
    await weighAll(plant, this.sight.value);
  }

  async #build(epoch: number, { crypto }: Stay): Promise<Plant> {
    const device = await loadDevice(this.#connection);
    const entry = this.#connection.entries.value;
    const [send, receive] = [null, null];
    const [producers, consumers, preferred] = [new Map(), new Map(), new Map()];
    return { epoch, entry, crypto, device, send, receive, producers, consumers, preferred, sight: false };
  }

  async #send(
    plant: Plant,
    source: Source,
    track: MediaStreamTrack | null,
    paused: boolean,
    vp9: types.RtpCodecCapability | null = null,
  ): Promise<void> {
    const sending = plant.producers.get(source);
    const live = track?.readyState === "live" ? track : null;
    if (!sending) {
      if (!live) return;
      plant.send ??= this.#watch(plant, await openSend(this.#connection, plant.device));
      this.#prove(plant, source, await publish(plant.send, plant.crypto, live, source, paused, vp9));
      return;
    }
    if (!sending.sealed) return this.#standInAnew(sending, live);
    const { producer } = sending;
    const silent = paused || !live;
    // Here alone, where the server was told at the beginning; a track that is put into a silent producer is silent.
    if (sending.standIn && !silent && !sending.paused) producer.resume();
    // Without a track nothing is sent; the section stays, so that the camera's return needs no negotiation.
    if (producer.track !== live) await producer.replaceTrack({ track: live });
    sending.standIn?.stop();
    sending.standIn = null;
    if (silent === sending.paused) return;
    if (silent) {
      producer.pause();
      await this.#connection.request("producer.pause", { producerId: producer.id });
    } else {
      // The server first: where a host's word stands against it, nothing is sent.
      await this.#connection.request("producer.resume", { producerId: producer.id });
      producer.resume();
    }
    sending.paused = silent;
  }

  async #withdraw(plant: Plant, source: Source, { producer, stream, standIn }: Sending): Promise<void> {
    plant.producers.delete(source);
    standIn?.stop();
    producer.close();
    plant.crypto.detach(stream);
    await this.#connection.request("producer.close", { producerId: producer.id });
  }

  /** The person's own track comes when the worker has sealed a frame of its stand-in. */
  #prove(plant: Plant, source: Source, sending: Sending): void {
    if (this.#plant !== plant) return sending.standIn?.stop();
    plant.producers.set(source, sending);
    const look = (counts: Counts): void => {
      if (this.#plant !== plant) return stop();
      if ((counts[sending.stream]?.done ?? 0) === 0) return;
      stop();
      sending.sealed = true;
      this.#wake();
    };
    const stop = plant.crypto.counts.subscribe(look);
    look(plant.crypto.counts.value);
    setTimeout(() => (sending.late = source === "microphone" && !sending.sealed) && this.#wake(), LATE_MS);
  }

  async #standInAnew(sending: Sending, live: MediaStreamTrack | null): Promise<void> {
    if (!sending.late || !live) return;
    sending.late = false;
    sending.standIn?.stop();
    sending.standIn = twinOf(live);
    await sending.producer.replaceTrack({ track: sending.standIn.track });
  }

  async #receive(plant: Plant, snapshot: Snapshot): Promise<void> {
    // Only from people whose keys are known: a stream that nobody's key speaks for is not even asked for.
    const wanted = snapshot.producers.filter(
      (one) => one.seat !== snapshot.you.seat && this.#encryption.memberOf(one.seat) !== null,
    );
    const known = new Set(wanted.map((one) => one.id));
    for (const [producerId, receiving] of plant.consumers)
      if (!known.has(producerId)) await this.#forget(plant, producerId, receiving);
    for (const one of wanted) {
      const consumer = plant.consumers.get(one.id)?.consumer ?? (await this.#consume(plant, one));
      if (!consumer) continue;
      const shown = this.shown.value;
      const tile = one.source === "screen" ? screenKey(one.seat) : one.seat;
      if (one.kind === "video" && shown) await this.#prefer(plant, consumer, shown.get(tile));
      await this.#quieten(consumer, one.kind === "video" && this.audioOnly.value);
    }
    if (plant.receive && plant.sight !== this.sight.value) {
      const sight = this.sight.value;
      await this.#connection.request("media.need", { sight });
      plant.sight = sight;
    }
  }

  async #consume(plant: Plant, producer: ProducerState): Promise<types.Consumer | null> {
    plant.receive ??= this.#watch(plant, await openReceive(this.#connection, plant.device));
    let receiving: Receiving;
    try {
      receiving = await receive(this.#connection, plant.receive, plant.crypto, producer);
    } catch (error) {
      // Gone between the snapshot and now; the next snapshot will not name it.
      if (error instanceof ProtocolError && error.code === "unknown_producer") return null;
      throw error;
    }
    const { consumer, stream } = receiving;
    plant.consumers.set(producer.id, receiving);
    consumer.pause();
    const { id: producerId, seat, kind, source } = producer;
    this.streams.set([...this.streams.value, { producerId, seat, kind, source, track: consumer.track, stream }]);
    return consumer;
  }

  async #prefer(plant: Plant, consumer: types.Consumer, shown: Shown | undefined): Promise<void> {
    const { height, rank } = shown ?? { height: 0, rank: "hidden" };
    const said = `${rank} ${height}`;
    if (plant.preferred.get(consumer.id) === said) return;
    await this.#connection.request("consumer.prefer", { consumerId: consumer.id, height, rank });
    plant.preferred.set(consumer.id, said);
  }

  #hold(consumerId: string, held: boolean): void {
    const found = [...(this.#plant?.consumers ?? [])].find(([, { consumer }]) => consumer.id === consumerId);
    if (!found) return;
    const now = new Set(this.held.value);
    if (held) now.add(found[0]);
    else now.delete(found[0]);
    this.held.set(now);
  }

  async #quieten(consumer: types.Consumer, quiet: boolean): Promise<void> {
    if (consumer.paused === quiet) return;
    await this.#connection.request(quiet ? "consumer.pause" : "consumer.resume", { consumerId: consumer.id });
    if (quiet) consumer.pause();
    else consumer.resume();
  }

  async #forget(plant: Plant, producerId: string, { consumer, stream }: Receiving): Promise<void> {
    this.#hold(consumer.id, false);
    plant.consumers.delete(producerId);
    plant.preferred.delete(consumer.id);
    this.streams.set(this.streams.value.filter((stream) => stream.producerId !== producerId));
    consumer.close();
    plant.crypto.detach(stream);
    try {
      await this.#connection.request("consumer.close", { consumerId: consumer.id });
    } catch (error) {
      // The server may have closed it together with its producer.
      if (!(error instanceof ProtocolError && error.code === "unknown_consumer")) throw error;
    }
  }

  #watch(plant: Plant, transport: types.Transport): types.Transport {
    this.#healths.set(transport, "connecting");
    keepAlive(
      this.#connection,
      transport,
      (health) => {
        if (this.#plant !== plant) return;
        this.#healths.set(transport, health);
        const all = [...this.#healths.values()];
        this.health.set(all.find((one) => one === "mending") ?? all.find((one) => one === "connecting") ?? "up");
      },
      () => {
        if (this.#plant !== plant) return;
        this.#drop();
        this.#wake();
      },
    );
    return transport;
  }

  #lose(transportId: string): void {
    if (this.#plant?.send?.id !== transportId && this.#plant?.receive?.id !== transportId) return;
    this.#drop();
    this.#wake();
  }

  #drop(): void {
    const plant = this.#plant;
    this.#plant = null;
    this.#healths.clear();
    for (const { standIn } of plant?.producers.values() ?? []) standIn?.stop();
    plant?.send?.close();
    plant?.receive?.close();
    this.streams.set([]);
    this.held.set(new Set());
    this.health.set("connecting");
  }
}
