// The live connection of one seat: typed requests, the room's snapshots, and what ends it.

import { io, type Socket } from "socket.io-client";

import { serverOrigin } from "./server";
import { Store } from "./store";
import {
  ProtocolError,
  type Abilities,
  type CloseCode,
  type Deliveries,
  type DeliveryState,
  type Requests,
  type Snapshot,
  type WithHelper,
} from "./types";

const REPLY_MS = 10_000;
const RETRY_MS = 2_000;

/** Refusals that pass: the connection tries again with a fresh ticket. */
const PASSING = new Set([
  "timeout",
  "disconnected",
  "busy",
  "internal",
  "offline",
  "ticket_expired",
  "too_many_requests",
  "too_many_connections",
]);

export interface Closed {
  code: CloseCode;
  text: string;
}

export interface Entry {
  withHelper: WithHelper;
  abilities: Abilities;
}

type Acknowledgement = { ok: true; data: unknown } | { ok: false; error: { code: string; text: string } };

/** "away": the socket is down and comes back by itself. */
export type Link = "connecting" | "up" | "away";

export class Connection {
  /** Every snapshot that is newer than the last. */
  readonly snapshots = new Store<Snapshot | null>(null);
  readonly link = new Store<Link>("connecting");
  /** Set once: the server has closed this seat, or the person has left. */
  readonly closed = new Store<Closed | null>(null);
  /** The server is going down for a restart; the connection comes back by itself. */
  readonly draining = new Store(false);
  /** What the delivery service of the keys said last; null when nothing was said since the last entry. */
  readonly delivery = new Store<DeliveryState | null>(null);
  /** The id of the transport that the media engine has given up last. */
  readonly lostTransport = new Store("");
  /** The last word of the engine on a stream that it keeps back, or lets go on. */
  readonly heldConsumer = new Store({ consumerId: "", held: false });
  /** Counts the times this page has (re-)entered the room: what the server held for an earlier entry is gone. */
  readonly entries = new Store(0);

  readonly #socket: Socket;
  readonly #device: string;
  #entry: Entry | null = null;
  #badTickets = 0;

  /** `freshTicket` is asked before every attempt to connect; a ProtocolError from it means that the seat is no longer to be had. */
  constructor(device: string, freshTicket: () => Promise<string>) {
    this.#device = device;
    this.#socket = io(serverOrigin(), {
      path: "/socket",
      transports: ["websocket"],
      reconnectionDelay: 500,
      reconnectionDelayMax: 5_000,
      auth: (send) => {
        freshTicket().then(
          (ticket) => send({ ticket }),
          (error: unknown) => {
            // Without an answer to `auth` nothing is ever sent; an empty ticket is refused and tried again.
            if (error instanceof ProtocolError && !PASSING.has(error.code))
              this.#close({ code: error.code, text: error.message });
            else send({ ticket: "" });
          },
        );
      },
    });
    this.#socket.on("connect", () => void this.#connected());
    this.#socket.on("connect_error", () => {
      this.#away();
      // A refusal at the door stops socket.io's own attempts.
      if (!this.#socket.active) this.#retryLater();
    });
    this.#socket.on("disconnect", (reason) => {
      this.#away();
      if (reason === "io server disconnect") this.#retryLater();
    });
    this.#socket.on("room.state", (snapshot: Snapshot) => this.#receive(snapshot));
    this.#socket.on("seat.closed", (closed: Closed) => this.#seatClosed(closed));
    this.#socket.on("transport.closed", ({ transportId }: { transportId: string }) =>
      this.lostTransport.set(transportId),
    );
    this.#socket.on("consumer.held", (said: { consumerId: string; held: boolean }) => this.heldConsumer.set(said));
    this.#socket.on("mls.state", (state: DeliveryState) => this.delivery.set(state));
    this.#socket.on("server.draining", () => this.draining.set(true));
    window.addEventListener("online", this.#hurry);
    document.addEventListener("visibilitychange", this.#hurry);
  }

  /** The last snapshot; null before the first entry was answered. */
  get state(): Snapshot | null {
    return this.snapshots.value;
  }

  /** What was said at the door; null before anything was. */
  get entry(): Entry | null {
    return this.#entry;
  }

  /** Asks for the seat; asked again by itself after each reconnection. */
  async enter(entry: Entry): Promise<void> {
    this.#entry = entry;
    await this.#enter();
  }

  /** Corrects what this seat has said of itself, now and for later entries. */
  async update(change: Partial<Entry>): Promise<void> {
    if (this.#entry) this.#entry = { ...this.#entry, ...change };
    await this.request("seat.update", {
      ...(change.withHelper === undefined ? {} : { with_helper: change.withHelper }),
      ...(change.abilities === undefined ? {} : { abilities: change.abilities }),
    });
  }

  /** Rejects with a ProtocolError: the server's refusal, `timeout`, or `disconnected`. */
  async request<E extends keyof Requests>(event: E, data: Requests[E][0]): Promise<Requests[E][1]> {
    if (!this.#socket.connected) throw new ProtocolError("disconnected", "The connection is down.");
    let reply: Acknowledgement;
    try {
      reply = (await this.#socket.timeout(REPLY_MS).emitWithAck(event, data)) as Acknowledgement;
    } catch {
      throw new ProtocolError("timeout", "The server did not answer in time.");
    }
    if (!reply.ok) throw new ProtocolError(reply.error.code, reply.error.text);
    return reply.data as Requests[E][1];
  }

  /** Calls back for every such event of the delivery service, in their order; returns how to stop. */
  listen<E extends keyof Deliveries>(event: E, heard: (data: Deliveries[E]) => void): () => void {
    const listener = heard as (data: unknown) => void;
    this.#socket.on(event as string, listener);
    return () => this.#socket.off(event as string, listener);
  }

  /** Leaves the room for good and tells the server so. */
  async leave(): Promise<void> {
    try {
      await this.request("room.leave", {});
    } catch {
      // Whoever leaves has left, whether the server could be told or not.
    }
    this.#close({ code: "left", text: "" });
  }

  async #connected(): Promise<void> {
    this.draining.set(false);
    try {
      if (this.#entry) await this.#enter();
      this.#badTickets = 0;
      this.link.set("up");
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (!PASSING.has(error.code)) this.#close({ code: error.code, text: error.message });
      else this.#retryLater();
    }
  }

  async #enter(): Promise<void> {
    const entry = this.#entry;
    if (!entry || !this.#socket.connected) return;
    this.delivery.set(null);
    await this.request("room.enter", {
      device: this.#device,
      with_helper: entry.withHelper,
      abilities: entry.abilities,
    });
    this.entries.set(this.entries.value + 1);
  }

  #receive(snapshot: Snapshot): void {
    const last = this.state;
    // Each connection counts from the beginning again.
    if (last && this.link.value === "up" && snapshot.revision < last.revision) return;
    this.snapshots.set(snapshot);
  }

  #seatClosed(closed: Closed): void {
    const passes = PASSING.has(closed.code) || (closed.code === "ticket_invalid" && ++this.#badTickets <= 1);
    // The server disconnects right after this; that event tries again.
    if (!passes) this.#close(closed);
  }

  #close(closed: Closed): void {
    if (this.closed.value) return;
    window.removeEventListener("online", this.#hurry);
    document.removeEventListener("visibilitychange", this.#hurry);
    this.closed.set(closed);
    this.#socket.disconnect();
  }

  #away(): void {
    if (!this.closed.value) this.link.set(this.link.value === "connecting" ? "connecting" : "away");
  }

  #retryLater(): void {
    this.#away();
    setTimeout(() => {
      if (!this.closed.value) this.#socket.disconnect().connect();
    }, RETRY_MS);
  }

  /** A phone that wakes, or a network that returns, does not wait for the next attempt. */
  readonly #hurry = (): void => {
    if (document.visibilityState === "visible" && navigator.onLine && !this.#socket.connected)
      this.#socket.disconnect().connect();
  };
}
