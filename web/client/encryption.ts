// The call's encryption as the rest of the page sees it: one worker and one place in the group for each stay in the room.

import type { Connection } from "./connection";
import { CallCrypto, type GroupView, type Member, type ReceivedMessage } from "./e2ee/crypto";
import { CredentialError, type Identity } from "./e2ee/credential";
import { isVerified, keepVerified, whoKey } from "./e2ee/device";
import { CallGroup, type GroupStage } from "./e2ee/group";
import type { KnownDevices } from "./e2ee/known-devices";
import { MOST_MISMATCHES, type Mismatches } from "./e2ee/mismatches";
import type { Preparation } from "./e2ee/preparation";
import { Store } from "./store";

export type EncryptionStage =
  | GroupStage
  /** `late`: it has not started at the first attempts. */
  | { readonly name: "starting"; readonly late: boolean };

/** Everything that ends together: with the connection's entry, or with the worker. */
export interface Stay {
  readonly entry: number;
  readonly crypto: CallCrypto;
  readonly group: CallGroup;
  readonly mayRaise: boolean;
}

const RETRY_MS = 2_000;
/** A revoked device is not heard any longer than this, and taken out of the group where somebody is there who may. */
const RENEW_MS = 60_000;

export class Encryption {
  readonly stage = new Store<EncryptionStage>({ name: "starting", late: false });
  /** null while keys are not to be had; nothing may be sent or received then. */
  readonly stay = new Store<Stay | null>(null);
  readonly view = new Store<GroupView | null>(null);
  /** With whom a spoken code has matched, and at which device: by `whoKey`. */
  readonly verified = new Store<ReadonlySet<string>>(new Set());
  /** Who asks to be let in and cannot prove who they are; asked on devices that may let them in. */
  readonly doubtful = new Store<readonly Identity[]>([]);
  /** A spoken code did not match: nothing is sent or shown until another one does. */
  readonly paused = new Store(false);
  /** This device has made the links' secrets anew: those that were handed out before do not fit. */
  readonly linksAnew = new Store(false);
  /** The last message that came in, for whoever listens. */
  readonly message = new Store<ReceivedMessage | null>(null);

  readonly #connection: Connection;
  readonly #known: KnownDevices;
  readonly #mismatches: Mismatches;
  readonly #prepared: () => Promise<Preparation>;
  readonly #stops: (() => void)[] = [];
  #starting = false;
  #failures = 0;
  #stopped = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #renewing: ReturnType<typeof setInterval>;

  /** `prepare` is asked again for every stay. */
  constructor(
    connection: Connection,
    known: KnownDevices,
    mismatches: Mismatches,
    prepare: () => Promise<Preparation>,
  ) {
    this.#connection = connection;
    this.#known = known;
    this.#mismatches = mismatches;
    this.#prepared = prepare;
    for (const store of [connection.entries, connection.link, connection.snapshots] as Store<unknown>[])
      this.#stops.push(store.subscribe(() => this.#look()));
    this.#renewing = setInterval(() => void this.#renew(), RENEW_MS);
    this.#look();
  }

  /** The person behind a seat, as their key says; null when no key speaks for the seat. */
  memberOf(seat: string): Member | null {
    return this.view.value?.members.find((member) => member.seat === seat) ?? null;
  }

  /** Whether this device may send and receive. */
  get flows(): boolean {
    return this.stay.value !== null && this.stage.value.name === "in" && !this.paused.value;
  }

  isSure(member: Member): boolean {
    if (member.refused !== null) return false;
    return member.standing !== "unverified" || this.hasMatched(member);
  }

  /** A spoken code has matched with this person at this device, now or on an earlier day. */
  hasMatched(member: Member): boolean {
    return this.verified.value.has(whoKey(member));
  }

  async verify(member: Member): Promise<void> {
    this.verified.set(new Set([...this.verified.value, whoKey(member)]));
    this.paused.set(false);
    await this.#mismatches.clear();
    this.stay.value?.group.report("verified", member.seat);
    await keepVerified(member).catch(() => undefined);
  }

  /** How many spoken codes have not matched since one did. */
  mismatches(): Promise<number> {
    return this.#mismatches.count();
  }

  /** A code did not match with this person. Returns whether that was the last attempt: by what the round says, or by what
   * this device remembers, whatever somebody else says of it. */
  async mismatched(other: Member, last: boolean): Promise<boolean> {
    this.paused.set(true);
    this.stay.value?.group.report("mismatch", other.seat);
    await this.#mismatches.add();
    const stopped = last || (await this.#mismatches.count()) >= MOST_MISMATCHES;
    if (stopped) this.halt("mismatch");
    return stopped;
  }

  /** For good, until the page is loaded again: nothing is sent and nothing is opened. */
  halt(reason: string): void {
    this.stay.value?.group.halt(reason);
    this.stage.set({ name: "stopped", reason });
    this.#end();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#renewing);
    for (const stop of this.#stops) stop();
    this.#end();
  }

  #look(): void {
    const { entries, link, state } = this.#connection;
    if (this.#stopped || this.stage.value.name === "stopped") return;
    const stay = this.stay.value;
    if (stay && stay.entry !== entries.value) this.#end();
    if (state?.you.phase !== "in" || link.value !== "up") return;
    if (this.stay.value === null && !this.#starting) void this.#start();
  }

  async #start(): Promise<void> {
    this.#starting = true;
    clearTimeout(this.#retry);
    const entry = this.#connection.entries.value;
    try {
      const missed = await this.#mismatches.count();
      if (missed >= MOST_MISMATCHES) return this.halt("mismatch");
      if (missed > 0) this.paused.set(true);
      const { oneself, trust, curves, mayRaise } = await this.#prepare();
      const crypto = await CallCrypto.start(oneself, trust, curves);
      if (this.#stopped || entry !== this.#connection.entries.value) crypto.close();
      else this.#begin(entry, crypto, mayRaise, oneself.certificate !== null);
      this.#failures = 0;
    } catch (error) {
      if (error instanceof CredentialError) return this.halt(error.code);
      console.warn("The encryption does not start:", error);
      this.stage.set({ name: "starting", late: ++this.#failures > 1 });
      this.#retry = setTimeout(() => this.#look(), RETRY_MS);
    } finally {
      this.#starting = false;
    }
    if (this.stay.value === null && entry !== this.#connection.entries.value) this.#look();
  }

  async #prepare(): Promise<Preparation> {
    const prepared = await this.#prepared();
    if (prepared.anew) this.linksAnew.set(true);
    return prepared;
  }

  /** Revocations and secrets that have come since. */
  async #renew(): Promise<void> {
    const stay = this.stay.value;
    if (!stay) return;
    try {
      await stay.crypto.trust((await this.#prepare()).trust);
      stay.group.review();
    } catch {
      // Asked again in a minute, or at the next entry.
    }
  }

  #begin(entry: number, crypto: CallCrypto, mayRaise: boolean, certified: boolean): void {
    const group = new CallGroup(this.#connection, crypto, mayRaise, {
      certified,
      heard: (message) => this.message.set(message),
      renew: () => this.#renew(),
      known: this.#known,
    });
    const stay: Stay = { entry, crypto, group, mayRaise };
    const current = (): boolean => this.stay.value === stay;
    crypto.group.subscribe((view) => {
      if (!current()) return;
      this.view.set(view);
      void this.#recall(view);
    });
    group.doubtful.subscribe((doubtful) => current() && this.doubtful.set(doubtful));
    group.stage.subscribe((stage) => {
      if (!current()) return;
      this.stage.set(stage);
      if (stage.name === "stopped") this.#end();
    });
    crypto.failed.subscribe((reason) => {
      if (reason === null || !current()) return;
      // The worker has died and every key with it: another one comes with a fresh leaf.
      this.#end();
      this.#look();
    });
    this.stay.set(stay);
    this.stage.set(group.stage.value);
  }

  /** Which of the members were verified at their devices on an earlier day. */
  async #recall(view: GroupView | null): Promise<void> {
    const known = new Set(this.verified.value);
    for (const member of view?.members ?? [])
      if (!known.has(whoKey(member)) && (await isVerified(member).catch(() => false))) known.add(whoKey(member));
    if (known.size > this.verified.value.size) this.verified.set(new Set([...this.verified.value, ...known]));
  }

  #end(): void {
    clearTimeout(this.#retry);
    const stay = this.stay.value;
    if (!stay) return;
    this.stay.set(null);
    this.view.set(null);
    this.doubtful.set([]);
    if (this.stage.value.name !== "stopped") this.stage.set({ name: "starting", late: false });
    stay.group.end();
    stay.crypto.close();
  }
}
