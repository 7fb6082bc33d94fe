// Whose turn it is to change the group, from what the delivery service tells of it. Pure.

import type { DeliveryState, Snapshot } from "../types";
import type { Member } from "./authentication";
import type { GroupView } from "./mls";
import type { Counts } from "./rpc";

/** How often a device comes with a fresh leaf because something could not be read. In a long call that happens now and then;
 * many in a short time are somebody's play. */
export class FreshStarts {
  readonly #most: number;
  readonly #withinMs: number;
  #at: number[] = [];

  constructor(most: number, withinMs: number) {
    this.#most = most;
    this.#withinMs = withinMs;
  }

  /** Whether one more may be made at `now`, in milliseconds. */
  take(now: number): boolean {
    this.#at = [...this.#at.filter((at) => now - at < this.#withinMs), now];
    return this.#at.length <= this.#most;
  }
}

/** If frames of an epoch that nobody has told this device of go on for so long, the server withholds even the news. */
const UNHEARD_MS = 5_000;
/** Then they have ceased. */
const UNHEARD_GAP_MS = 1_000;
/** A member could forge such frames: they bring about a fresh leaf no more often than this. */
const UNHEARD_AGAIN_MS = 60_000;

/** Frames of an epoch that this device has not heard of: the commit is on its way, or the server keeps back both it and the
 * news of it. */
export class Unheard {
  #count = 0;
  #last = 0;
  #since: number | null = null;
  #said = -Infinity;

  /** Whether this device is behind without having been told, at `now` in milliseconds, by all streams' counts. */
  isBehind(counts: Counts, now: number): boolean {
    const count = Object.values(counts).reduce((total, { refused }) => total + refused.newer_epoch, 0);
    const came = count > this.#count;
    this.#count = count;
    if (!came) return false;
    if (this.#since === null || now - this.#last > UNHEARD_GAP_MS) this.#since = now;
    this.#last = now;
    if (now - this.#since < UNHEARD_MS || now - this.#said < UNHEARD_AGAIN_MS) return false;
    this.#said = now;
    return true;
  }

  /** The keys of another epoch are there. */
  forget(): void {
    this.#since = null;
  }
}

/** A lost person keeps their place for a while; whoever has left or was removed does not. */
const PRESENT: ReadonlySet<string> = new Set(["in", "lost"]);

export interface Asking {
  readonly seat: string;
  readonly keyPackage: string;
}

/** Who is in the room and waits to be added. */
export function asking(state: DeliveryState, room: Snapshot, own: string): Asking[] {
  const inside = new Set(room.people.filter((person) => person.phase === "in").map(({ seat }) => seat));
  return state.pending.flatMap(({ seat, keyPackage }) =>
    keyPackage !== null && seat !== own && inside.has(seat) ? [{ seat, keyPackage }] : [],
  );
}

/** Whose leaves go: people who are gone, those who come back with a fresh one, and devices that were revoked, whatever the
 * server says of their seats. */
export function leaving(view: GroupView, room: Snapshot, own: string, adding: ReadonlySet<string>): string[] {
  const present = new Set(room.people.filter((person) => PRESENT.has(person.phase)).map(({ seat }) => seat));
  const goes = ({ seat, refused }: Member): boolean => adding.has(seat) || !present.has(seat) || refused === "revoked";
  return view.members.filter((member) => member.seat !== own && goes(member)).map(({ seat }) => seat);
}

/** Who has let these people in. */
export function admitting(room: Snapshot, added: ReadonlySet<string>): Set<string> {
  return new Set(room.people.flatMap(({ seat, admitted_by }) => (added.has(seat) && admitted_by ? [admitted_by] : [])));
}

/** How many certified hosts come before this one: whoever admits begins, then the lowest connected leaf that is not concerned. */
export function turn(
  state: DeliveryState,
  view: GroupView,
  own: Member,
  concerned: ReadonlySet<string>,
  admits: ReadonlySet<string>,
): number {
  const live = new Set(state.members.filter((member) => member.live).map(({ seat }) => seat));
  const isBefore = (member: Member): boolean =>
    admits.has(member.seat) === admits.has(own.seat) ? member.leaf < own.leaf : admits.has(member.seat);
  const may = (member: Member): boolean => member.mayCommit && live.has(member.seat) && !concerned.has(member.seat);
  return view.members.filter((member) => may(member) && isBefore(member)).length;
}

/** Whether no connected member but this one could add anybody, as far as the server knows. */
export function isDeserted(state: DeliveryState, own: string): boolean {
  return !state.members.some(({ seat, live, leads }) => live && leads && seat !== own);
}
