// Watches that all media really goes through the encryption, and which streams open at the moment.

import type { Devices } from "./devices";
import { Reading } from "./e2ee/reading";
import { browserFigure, isBypassed, NO_FIGURES, type StreamFigures } from "./e2ee/watchdog";
import type { Counts, StreamCounts } from "./e2ee/crypto";
import type { Encryption } from "./encryption";
import type { End } from "./plant";
import type { MediaSession } from "./session";
import { Store } from "./store";

const POLL_MS = 2_000;

export class Guard {
  /** Stream numbers whose frames open at this moment; nothing else is shown. */
  readonly open = new Store<ReadonlySet<number>>(new Set());

  readonly #session: MediaSession;
  readonly #encryption: Encryption;
  readonly #devices: Devices;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #stops: (() => void)[];
  #reading = new Reading();
  #stopReading = (): void => undefined;
  #figures = new Map<number, StreamFigures>();
  /** Streams that seemed to pass the worker by at the last reading. */
  #suspects: ReadonlySet<number> = new Set();
  #looking = false;

  constructor(session: MediaSession, encryption: Encryption, devices: Devices) {
    this.#session = session;
    this.#encryption = encryption;
    this.#devices = devices;
    this.#timer = setInterval(() => void this.#look(), POLL_MS);
    this.#stops = [encryption.stay.subscribe(() => this.#follow())];
    this.#follow();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopReading();
    for (const stop of this.#stops) stop();
  }

  #follow(): void {
    this.#stopReading();
    this.#reading = new Reading();
    this.#figures = new Map();
    this.#suspects = new Set();
    this.open.set(new Set());
    const crypto = this.#encryption.stay.value?.crypto;
    this.#stopReading = crypto?.counts.subscribe((counts) => this.#read(counts)) ?? ((): void => undefined);
  }

  #read(counts: Counts): void {
    const open = this.#reading.update(counts);
    const known = this.open.value;
    if (open.size !== known.size || [...open].some((stream) => !known.has(stream))) this.open.set(open);
  }

  /** Compares the browser's counts with the worker's; the browser's are read first, so that they can only be too low. */
  async #look(): Promise<void> {
    const crypto = this.#encryption.stay.value?.crypto;
    if (!crypto || this.#looking) return;
    this.#looking = true;
    try {
      const ends = await Promise.all(this.#session.ends().map(async (one) => ({ ...one, browser: await figure(one) })));
      const counts = await crypto.figures();
      // A stream that was forgotten meanwhile has no counts any more.
      const live = new Set(this.#session.ends().map(({ stream }) => stream));
      const before = this.#figures;
      const suspects = new Set<number>();
      this.#figures = new Map();
      for (const { stream, browser } of ends) {
        if (!live.has(stream) || crypto !== this.#encryption.stay.value?.crypto) continue;
        const now = { worker: handled(counts[stream]), browser };
        this.#figures.set(stream, now);
        if (isBypassed(before.get(stream) ?? NO_FIGURES, now)) suspects.add(stream);
      }
      if ([...suspects].some((stream) => this.#suspects.has(stream))) return this.#cut();
      this.#suspects = suspects;
    } catch {
      // The worker is gone, and with it all that was to be watched.
    } finally {
      this.#looking = false;
    }
  }

  #cut(): void {
    this.#devices.closeAll();
    this.#encryption.halt("bypassed");
  }
}

async function figure({ end }: End): Promise<number> {
  const entries = (await end.getStats()) as ReadonlyMap<string, Record<string, unknown>>;
  return [...entries.values()].reduce((total, entry) => total + (browserFigure(entry) ?? 0), 0);
}

function handled(counts: StreamCounts | undefined): number {
  if (!counts) return 0;
  return counts.done + counts.empty + Object.values(counts.refused).reduce((total, one) => total + one, 0);
}
