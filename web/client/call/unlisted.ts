/** Who has keys of the call and is not in the server's list: whoever comes later would see no tile of them. */
import type { Connection } from "../connection";
import type { Member } from "../e2ee/crypto";
import type { Encryption } from "../encryption";
import { Store } from "../store";
import type { Snapshot } from "../types";

/** Whoever leaves is out of the list at once, and out of the group a commit later; with several hosts each has its turn. */
const COMMON_MS = 8_000;

/** Since when each of them has been missing from the list. Pure. */
export class Missing {
  readonly #since = new Map<string, number>();

  /** Who has been missing for longer than a leave takes, at `now`, and in how long to look again; both in milliseconds. */
  update(others: readonly Member[], room: Snapshot, now: number): { members: Member[]; again: number | null } {
    const listed = new Set(room.people.filter(({ phase }) => phase === "in" || phase === "lost").map(({ seat }) => seat));
    // While the room is paused nothing is sent, and nobody may be there who could take a leaf out.
    const missing = room.room.phase === "open" ? others.filter(({ seat }) => !listed.has(seat)) : [];
    const seats = new Set(missing.map(({ seat }) => seat));
    for (const seat of this.#since.keys()) if (!seats.has(seat)) this.#since.delete(seat);
    for (const seat of seats) if (!this.#since.has(seat)) this.#since.set(seat, now);
    const left = ({ seat }: Member): number => (this.#since.get(seat) ?? now) + COMMON_MS - now;
    const waits = missing.map(left).filter((ms) => ms > 0);
    return { members: missing.filter((member) => left(member) <= 0), again: waits.length > 0 ? Math.min(...waits) : null };
  }
}

export class Unlisted {
  readonly shown = new Store<readonly Member[]>([]);
  readonly #missing = new Missing();
  readonly #encryption: Encryption;
  readonly #connection: Connection;
  readonly #stops: (() => void)[];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(encryption: Encryption, connection: Connection) {
    this.#encryption = encryption;
    this.#connection = connection;
    const look = (): void => this.#look();
    this.#stops = [encryption.view.subscribe(look), connection.snapshots.subscribe(look)];
    look();
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const stop of this.#stops) stop();
  }

  #look(): void {
    clearTimeout(this.#timer);
    const room = this.#connection.state;
    const view = this.#encryption.view.value;
    if (!room) return;
    const others = view?.members.filter((member) => member.leaf !== view.own) ?? [];
    const { members, again } = this.#missing.update(others, room, performance.now());
    const seats = (all: readonly Member[]): string => all.map(({ seat }) => seat).join();
    if (seats(members) !== seats(this.shown.value)) this.shown.set(members);
    if (again !== null) this.#timer = setTimeout(() => this.#look(), again);
  }
}
