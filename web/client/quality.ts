// How well each person is received, and who speaks, once a second from the browser's own counters.

import { afterSample, FINE, type LineView } from "./line";
import type { MediaSession, RemoteStream } from "./session";
import { Store } from "./store";

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
const LOUD = 0.02;
const LOSS = 0.06;

export class Quality {
  readonly reception = new Store<Reception>({ weak: new Set(), speaker: null, ownWeak: false });
  readonly #session: MediaSession;
  readonly #timer: ReturnType<typeof setInterval>;
  #last = new Map<string, Counters>();
  /** Smoothed, so that one bad second shows nothing. */
  readonly #trouble = new Map<string, number>();

  #line: LineView = FINE;

  constructor(session: MediaSession) {
    this.#session = session;
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
    const sent = await Promise.all(this.#session.senders().map(answered));
    // One stream that suffers may be its sender's line; when all do, it is one's own.
    const all = now.length > 1 && streams === now.length;
    this.#line = afterSample(this.#line, {
      lostUp: most(sent.map((one) => one.lost)),
      lostDown: all && expectedNow > 0 ? lostNow / expectedNow : null,
      roundTrip: most(sent.map((one) => one.roundTrip)),
    });
    this.#publish(now);
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
