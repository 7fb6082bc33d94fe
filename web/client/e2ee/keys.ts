// The SFrame keys of a call: what is sent with, what is received with, and when old ones end. Pure; `now` is
// milliseconds.

import type { Bytes } from "./bytes";
import { ReplayWindow } from "./replay";
import { CALL_SUITE, deriveKey, type FrameKey } from "./sframe";

/** Frames of an epoch may arrive this long after the next was installed. */
export const OLD_KEYS_MS = 10_000;

export interface EpochKeys {
  readonly epoch: number;
  /** RFC 9605 section 5.2: the exporter's base key. */
  readonly baseKey: Bytes;
  /** Whose leaf is whose seat. */
  readonly seats: ReadonlyMap<number, string>;
  /** This device's leaf. */
  readonly own: number;
}

/** What this device seals with; one counter for all its streams. */
export class SendKey {
  #next = 0;

  constructor(
    readonly epoch: number,
    readonly leaf: number,
    readonly key: FrameKey,
  ) {}

  /** Never gives the same value twice. */
  takeCounter(): bigint {
    return BigInt(this.#next++);
  }
}

/** What opens the frames of one leaf in one epoch. */
export interface ReceiveKey {
  readonly leaf: number;
  readonly seat: string;
  readonly key: FrameKey;
  readonly window: ReplayWindow;
}

/** `newer_epoch`: of one that this device has not heard of yet, as far as eight bits can say. */
export type NoKey = "no_key" | "unknown_epoch" | "newer_epoch" | "wrong_sender";

interface Installed extends EpochKeys {
  seats: ReadonlyMap<number, string>;
  readonly received: Map<number, Promise<ReceiveKey>>;
  /** When it was superseded; null for the newest. */
  oldSince: number | null;
}

export class KeyRing {
  /** Oldest first. */
  #epochs: Installed[] = [];
  #send: SendKey | null = null;

  /** null: nothing may leave. */
  get sending(): SendKey | null {
    return this.#send;
  }

  /** Opens frames of a new epoch from now on. Sending goes on with what it had. */
  install(keys: EpochKeys, now: number): void {
    const newest = this.#epochs.at(-1);
    if (newest && keys.epoch <= newest.epoch)
      throw new RangeError(`Epoch ${keys.epoch} is not newer than ${newest.epoch}.`);
    if (newest) newest.oldSince = now;
    this.#epochs.push({ ...keys, received: new Map(), oldSince: null });
    this.expire(now);
  }

  /** Who the newest epoch's leaves are, when that is judged anew. */
  reseat(seats: ReadonlyMap<number, string>): void {
    const newest = this.#epochs.at(-1);
    if (newest) newest.seats = seats;
  }

  /** Seals with this epoch from now on; going back is not possible, so that no counter is used twice. */
  async switchSending(epoch: number): Promise<void> {
    const found = this.#epochs.find((one) => one.epoch === epoch);
    if (!found) throw new RangeError(`Epoch ${epoch} is not installed.`);
    if (this.#send && epoch <= this.#send.epoch) return;
    const key = await deriveKey(CALL_SUITE, kidOf(found.own, epoch), found.baseKey);
    // Meanwhile another switch may have come, or everything may have been dropped.
    if (!this.#epochs.includes(found) || (this.#send && epoch <= this.#send.epoch)) return;
    this.#send = new SendKey(epoch, found.own, key);
  }

  /** The key for a frame's KID, if that leaf was and still is this seat's. */
  async receiving(kid: bigint, seat: string): Promise<ReceiveKey | NoKey> {
    const newest = this.#epochs.at(-1);
    if (!newest) return "no_key";
    const found = [...this.#epochs].reverse().find((one) => BigInt(one.epoch & 255) === (kid & 255n));
    if (!found) return ((Number(kid & 255n) - newest.epoch) & 255) < 128 ? "newer_epoch" : "unknown_epoch";
    const leaf = Number(kid >> 8n);
    // Whoever is no longer a member is not heard with older keys either.
    if (found.seats.get(leaf) !== seat || newest.seats.get(leaf) !== seat) return "wrong_sender";
    const known = found.received.get(leaf);
    if (known) return known;
    const made = deriveKey(CALL_SUITE, kidOf(leaf, found.epoch), found.baseKey).then((key) => ({
      leaf,
      seat,
      key,
      window: new ReplayWindow(),
    }));
    found.received.set(leaf, made);
    return made;
  }

  /** Forgets keys whose time is over; returns when to ask again, or null. */
  expire(now: number): number | null {
    this.#epochs = this.#epochs.filter((one) => one.oldSince === null || now - one.oldSince < OLD_KEYS_MS);
    const [oldest] = this.#epochs;
    return oldest?.oldSince == null ? null : oldest.oldSince + OLD_KEYS_MS;
  }

  /** Forgets everything: nothing leaves and nothing is opened any more. */
  clear(): void {
    this.#epochs = [];
    this.#send = null;
  }
}

/** RFC 9605 section 5.2 with eight bits for the epoch and the leaf's index above them. */
const kidOf = (leaf: number, epoch: number): bigint => BigInt((leaf << 8) | (epoch & 255));
