// How well each person is received, and who speaks, once a second from the browser's own counters; every few seconds also
// what the server sees of one's line.

import type { Connection } from "./connection";
import { Freezes } from "./freezes";
import { afterSample, FINE, type LineReport, type LineView } from "./line";
import type { MediaSession, RemoteStream } from "./session";
import { Store } from "./store";
import { ProtocolError } from "./types";

export interface Counters {
  producerId: string;
  seat: string;
  kind: string;
  source: string;
  packets: number;
  lost: number;
  frames: number;
  level: number;
}

export interface Reception {
  /** Seats whose picture or voice suffers. */
  weak: ReadonlySet<string>;
  /** Who was heard last; null before anybody was. */
  speaker: string | null;
  /** Whether it is one's own line that suffers. */
  ownWeak: boolean;
}

const POLL_MS = 1_000;
/** Looks between two questions to the server. */
const ASK_EVERY = 5;
const MAX_FREEZES = 60;
const LOUD = 0.02;
const LOSS = 0.06;

export class Quality {
  readonly reception = new Store<Reception>({ weak: new Set(), speaker: null, ownWeak: false });
  /** What the server said last of one's own line; null before it has said anything. */
  readonly report = new Store<LineReport | null>(null);
  readonly #session: MediaSession;
  readonly #connection: Connection;
  readonly #timer: ReturnType<typeof setInterval>;
  #last = new Map<string, Counters>();
  /** Smoothed, so that one bad second shows nothing. */
  readonly #trouble = new Map<string, number>();

  #line: LineView = FINE;
  readonly #freezes = new Freezes();
  /** Not told to the server yet. */
  #frozen = 0;
  #looks = 0;

  constructor(session: MediaSession, connection: Connection) {
    this.#session = session;
    this.#connection = connection;
    this.#timer = setInterval(() => void this.#look(), POLL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The counters since each stream began. */
  async counters(): Promise<Counters[]> {
    return Promise.all(this.#session.receivers().map(({ stream, receiver }) => read(stream, receiver)));
  }

  async #look(): Promise<void> {
    const now = await this.counters();
    let [lostNow, expectedNow, streams] = [0, 0, 0];
    for (const counters of now) {
      const last = this.#last.get(counters.producerId);
      if (!last) continue;
      const arrived = counters.packets - last.packets;
      const lost = Math.max(0, counters.lost - last.lost);
      const share = arrived + lost > 0 ? lost / (arrived + lost) : 0;
      lostNow += lost;
      expectedNow += arrived + lost;
      streams += share > LOSS ? 1 : 0;
      this.#trouble.set(counters.producerId, 0.7 * (this.#trouble.get(counters.producerId) ?? 0) + 0.3 * share);
    }
    this.#last = new Map(now.map((counters) => [counters.producerId, counters]));
    for (const id of this.#trouble.keys()) if (!this.#last.has(id)) this.#trouble.delete(id);
    this.#frozen += this.#freezes.look(now.filter((counters) => this.#shouldMove(counters)).map(movingOf));
    const sent = await Promise.all(this.#session.senders().map(answered));
    if (this.#looks++ % ASK_EVERY === 0) void this.#ask();
    // One stream that suffers may be its sender's line; when all do, it is one's own.
    const all = now.length > 1 && streams === now.length;
    this.#line = afterSample(this.#line, {
      // Not every browser tells what the server reports to it.
      lostUp: most(sent.map((one) => one.lost)) ?? share(this.report.value?.lost_up_permille),
      lostDown: all && expectedNow > 0 ? lostNow / expectedNow : null,
      roundTrip: most(sent.map((one) => one.roundTrip)),
    });
    this.#publish(now);
  }

  /** A camera that is on, wanted and looked at. Screens may rest. */
  #shouldMove({ producerId, seat, source }: Counters): boolean {
    const { held, shown, audioOnly } = this.#session;
    const rank = shown.value?.get(seat)?.rank ?? "hidden";
    if (source !== "camera" || document.hidden || audioOnly.value || rank === "hidden") return false;
    const state = this.#connection.state?.producers.find(({ id }) => id === producerId);
    return state?.paused === false && !held.value.has(producerId);
  }

  async #ask(): Promise<void> {
    if (this.#connection.link.value !== "up" || this.#session.health.value !== "up") return;
    const freezes = Math.min(MAX_FREEZES, this.#frozen);
    this.#frozen = 0;
    try {
      const relayed = await isRelayed(this.#session);
      this.report.set(await this.#connection.request("media.line", { freezes, relayed }));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // Asked again in a few seconds; what was counted is not lost.
      this.#frozen += freezes;
    }
  }

  #publish(now: Counters[]): void {
    const weak = new Set(now.filter((one) => (this.#trouble.get(one.producerId) ?? 0) > LOSS).map((one) => one.seat));
    const loudest = now.filter((one) => one.kind === "audio" && one.level > LOUD).sort((a, b) => b.level - a.level)[0];
    const old = this.reception.value;
    const speaker = loudest?.seat ?? old.speaker;
    const ownWeak = this.#line.weak;
    const same =
      speaker === old.speaker &&
      ownWeak === old.ownWeak &&
      weak.size === old.weak.size &&
      [...weak].every((seat) => old.weak.has(seat));
    if (!same) this.reception.set({ weak, speaker, ownWeak });
  }
}

async function read(stream: RemoteStream, receiver: RTCRtpReceiver): Promise<Counters> {
  const { producerId, seat, kind, source } = stream;
  const counters = { producerId, seat, kind, source, packets: 0, lost: 0, frames: 0, level: 0 };
  for (const report of (await receiver.getStats()).values() as Iterable<Record<string, unknown>>) {
    if (report["type"] !== "inbound-rtp") continue;
    counters.packets = Number(report["packetsReceived"] ?? 0);
    counters.lost = Number(report["packetsLost"] ?? 0);
    counters.frames = Number(report["framesDecoded"] ?? 0);
    counters.level = Number(report["audioLevel"] ?? 0);
  }
  return counters;
}

const movingOf = ({ producerId, frames }: Counters): { id: string; frames: number } => ({ id: producerId, frames });

const share = (permille: number | null | undefined): number | null => (permille == null ? null : permille / 1_000);

/** Whether anything goes by a TURN server; to ours, its packets look like everybody's. */
async function isRelayed(session: MediaSession): Promise<boolean> {
  const ends = [...session.senders(), ...session.receivers().map(({ receiver }) => receiver)];
  const reports = await Promise.all(ends.map((end) => end.getStats()));
  return reports.some((report: ReadonlyMap<string, Record<string, unknown>>) => {
    const lines = [...report.values()];
    const selected = lines.find((line) => line["type"] === "transport")?.["selectedCandidatePairId"];
    const pair = lines.find((line) =>
      selected ? line["id"] === selected : line["type"] === "candidate-pair" && line["selected"] === true,
    );
    const local = lines.find((line) => line["id"] === pair?.["localCandidateId"]);
    return local?.["candidateType"] === "relay";
  });
}

/** What the server's reports say of one's own stream. */
async function answered(sender: RTCRtpSender): Promise<{ lost: number | null; roundTrip: number | null }> {
  const said: { lost: number | null; roundTrip: number | null } = { lost: null, roundTrip: null };
  for (const report of (await sender.getStats()).values() as Iterable<Record<string, unknown>>) {
    if (report["type"] === "remote-inbound-rtp") {
      const lost = report["fractionLost"];
      if (typeof lost === "number") said.lost = Math.max(said.lost ?? 0, lost);
    } else if (report["type"] === "candidate-pair" && report["nominated"]) {
      const trip = report["currentRoundTripTime"];
      if (typeof trip === "number") said.roundTrip = Math.max(said.roundTrip ?? 0, trip);
    }
  }
  return said;
}

function most(values: (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null);
  return known.length ? Math.max(...known) : null;
}
