// This device and the delivery service: asks to be added, raises and replaces the group, adds and removes others, hands on messages.

import type { Connection } from "../connection";
import { Store } from "../store";
import { ProtocolError, type DeliveryState, type Deliveries, type ReportWhat, type Snapshot } from "../types";
import type { Identity } from "./credential";
import { CryptoRefused, type CallCrypto, type GroupView } from "./crypto";
import type { Who } from "./device";
import type { GroupHost, GroupStage } from "./group-host";
import { admitting, asking, FreshStarts, isDeserted, leaving, turn, Unheard, type Asking } from "./turns";

export type { GroupStage } from "./group-host";

/** A request that stays unanswered for so long is said on the page. */
const LATE_MS = 5_000;
/** Whoever is next in turn to commit waits for the one before. */
const TURN_MS = 2_000;
/** Then the group has nobody who could add this device. */
const DESERTED_MS = 6_000;
/** Senders go over to a new epoch when everybody has its keys, but no later than this. */
const SWITCH_MS = 500;
/** How long a host's "let in" stands for whoever then comes to that seat without proof. */
const EXPECTED_MS = 60_000;
/** A commit that the server tells of and does not deliver within this time does not come any more. */
const BEHIND_MS = 3_000;
const MOST_FRESH_STARTS = 5;
const FRESH_STARTS_WITHIN_MS = 120_000;
/** Refusals that no accident brings about: somebody who may not wants to decide who is in. */
const HOSTILE: ReadonlySet<string> = new Set([
  "uncertified_committer",
  "uncertified_creator",
  "not_allowed_proposal",
  "leaf_changed",
  "wrong_tag",
  "bad_credential",
]);

export class CallGroup {
  readonly stage = new Store<GroupStage>({ name: "asking", late: false });
  /** Who asks to be added and cannot prove who they are: a person has to decide, not this page. */
  readonly doubtful = new Store<readonly Identity[]>([]);

  readonly #connection: Connection;
  readonly #crypto: CallCrypto;
  readonly #mayRaise: boolean;
  readonly #host: GroupHost;
  readonly #stops: (() => void)[] = [];
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** Key packages that were refused here: not tried again. */
  readonly #bad = new Set<string>();
  readonly #judged = new Map<string, Identity>();
  /** Seats that a person here has just let in, and until when (ms) that stands for their keys. */
  readonly #expected = new Map<string, number>();
  /** Since when (ms) a change has been due, by what it is. */
  #due: { readonly what: string; readonly since: number } | null = null;
  #asked = false;
  /** Counts the requests to be added, so that what waits for one does not end another's wait. */
  #request = 0;
  readonly #freshStarts = new FreshStarts(MOST_FRESH_STARTS, FRESH_STARTS_WITHIN_MS);
  #behindSince: number | null = null;
  readonly #unheard = new Unheard();
  /** Since when (ms) somebody could have added this device. */
  #began = performance.now();
  #desertion: ReturnType<typeof setTimeout> | undefined;
  #switched: string | null = null;
  #ended = false;
  #tail: Promise<void> = Promise.resolve();

  /** `mayRaise`: a certified host that holds the appointment's secret. */
  constructor(connection: Connection, crypto: CallCrypto, mayRaise: boolean, host: GroupHost) {
    this.#connection = connection;
    this.#crypto = crypto;
    this.#mayRaise = mayRaise;
    this.#host = host;
    const look = (): void => this.#queue(() => this.#look());
    this.#stops.push(
      connection.delivery.subscribe(look),
      connection.snapshots.subscribe(look),
      crypto.counts.subscribe((counts) => {
        if (this.#unheard.isBehind(counts, performance.now())) this.#behind(crypto.group.value);
      }),
      connection.listen("mls.committed", (data) => this.#queue(() => this.#committed(data))),
      connection.listen("mls.welcome", (data) => this.#queue(() => this.#welcomed(data))),
      connection.listen("mls.forwarded", (data) => this.#queue(() => this.#told(data))),
      connection.listen("mls.epoch_ready", (data) => this.#queue(() => this.#ready(data))),
    );
    this.#later(LATE_MS, () => this.stage.value.name === "asking" && this.#late());
    look();
  }

  /** Sends a text to everybody in the group, and to nobody else. */
  async say(payload: string): Promise<{ epoch: number; authenticator: string }> {
    const group = this.#crypto.group.value?.group;
    if (group === undefined) throw new ProtocolError("no_group", "");
    const { message, ...sent } = await this.#crypto.send(payload);
    await this.#connection.request("mls.message", { group, message });
    return sent;
  }

  /** A person here lets somebody in whose keys prove nothing. */
  approve(who: Who): void {
    this.#host.known.add([who]);
    this.review();
  }

  /** Somebody may be judged differently from now on. */
  review(): void {
    this.#queue(() => this.#look());
  }

  /** A person here has let this seat in: whatever keys it brings at once are theirs. */
  expect(seat: string): void {
    this.#expected.set(seat, performance.now() + EXPECTED_MS);
  }

  /** What the session's record should know. */
  report(what: ReportWhat, seat?: string, reason?: string): void {
    const details = { ...(seat === undefined ? {} : { seat }), ...(reason === undefined ? {} : { reason }) };
    this.#connection.request("mls.report", { what, ...details }).catch(() => undefined);
  }

  /** Nothing is sent or opened from now on. */
  halt(reason: string): void {
    if (this.stage.value.name === "stopped") return;
    this.stage.set({ name: "stopped", reason });
    this.report("stopped", undefined, reason);
  }

  end(): void {
    this.#ended = true;
    for (const stop of this.#stops) stop();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** One after the other: the group's state passes through each. A fault in one never keeps the next from running. */
  #queue(work: () => Promise<void> | void): void {
    this.#tail = this.#tail.then(async () => {
      if (this.#ended || this.stage.value.name === "stopped") return;
      try {
        await work();
      } catch (error) {
        if (this.#ended) return;
        // A connection that broke is followed by a new entry, and a worker that died by a new worker.
        if (!(error instanceof ProtocolError || error instanceof CryptoRefused)) throw error;
        console.warn("Keys:", error);
        this.#later(1_000, () => this.#queue(() => this.#look()));
      }
    });
  }

  #later(ms: number, work: () => void): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#ended) work();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  #late(): void {
    if (this.stage.value.name !== "stopped") this.stage.set({ name: "asking", late: true });
  }

  /** Compares what is with what should be, and takes the next step if it is this device's. */
  async #look(): Promise<void> {
    const state = this.#connection.delivery.value;
    const room = this.#connection.state;
    if (!state || room?.you.phase !== "in") return;
    const view = this.#crypto.group.value;
    if (!view || view.group !== state.group) await this.#comeIn(state, room);
    else if (state.epoch > view.epoch) await this.#wait();
    else await this.#tend(state, room, view);
  }

  /** The others are further on: the commit is on its way, or the server keeps it back. */
  async #wait(): Promise<void> {
    if (this.#asked) return;
    this.#behindSince ??= performance.now();
    const waited = performance.now() - this.#behindSince;
    if (waited >= BEHIND_MS) return this.#beginAnew("withheld");
    this.#later(BEHIND_MS - waited, () => this.#queue(() => this.#look()));
  }

  /** Frames of a newer epoch go on. Its keys may have come meanwhile: where the reply to this device's own commit is slow. */
  #behind(then: GroupView | null): void {
    this.#queue(async () => {
      const now = this.#crypto.group.value;
      if (!this.#asked && now?.group === then?.group && now?.epoch === then?.epoch) await this.#beginAnew("withheld");
    });
  }

  async #ask(): Promise<void> {
    const request = ++this.#request;
    this.#asked = true;
    this.#behindSince = null;
    this.#began = performance.now();
    // Whoever is left behind must not go on with keys that others may have been taken from.
    this.#later(LATE_MS, () => this.#asked && this.#request === request && this.#late());
    const keyPackage = await this.#crypto.keyPackage();
    await this.#connection.request("mls.key_package", { keyPackage, certified: this.#host.certified });
  }

  /** Something cannot be read: a fresh leaf comes in place of this one, unless somebody does it on purpose. Where nobody could add
   * it, a fresh group comes in place of the old one. */
  async #beginAnew(reason: string): Promise<void> {
    this.report("refused", undefined, reason);
    if (!this.#freshStarts.take(performance.now())) return this.halt("refused_commit");
    const state = this.#connection.delivery.value;
    const seat = this.#connection.state?.you.seat;
    if (this.#mayRaise && state && seat !== undefined && isDeserted(state, seat)) await this.#raise(state.group);
    else await this.#ask();
  }

  async #comeIn(state: DeliveryState, room: Snapshot): Promise<void> {
    if (this.#mayRaise && (state.group === null || this.#isDeserted(state, room))) return this.#raise(state.group);
    if (!this.#asked) await this.#ask();
    if (!this.#mayRaise) return;
    if (this.#desertion) this.#timers.delete(this.#desertion);
    clearTimeout(this.#desertion);
    this.#desertion = this.#later(DESERTED_MS, () => this.#queue(() => this.#look()));
  }

  /** Nobody who could add this device is there, or nobody does. */
  #isDeserted(state: DeliveryState, room: Snapshot): boolean {
    return isDeserted(state, room.you.seat) || (this.#asked && performance.now() - this.#began >= DESERTED_MS);
  }

  async #raise(old: string | null): Promise<void> {
    const { group } = await this.#crypto.createGroup();
    try {
      if (old === null) await this.#connection.request("mls.create", { group });
      else await this.#connection.request("mls.replace", { old, group });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // The wait to be added goes on; only the next attempt to raise waits anew.
      this.#began = performance.now();
      // Somebody was faster, or is slow and still there: this leaf asks to be added. A request that is out already stays
      // good, and another one would only make its welcome useless.
      if (!this.#asked) await this.#ask();
      return;
    }
    this.#asked = false;
    await this.#installed(group, 0);
    await this.#switch(group, 0);
  }

  /** Adds who asks and removes who is gone, when it is this device's turn. */
  async #tend(state: DeliveryState, room: Snapshot, view: GroupView): Promise<void> {
    const own = view.members.find((member) => member.leaf === view.own);
    if (!own?.mayCommit || state.epoch !== view.epoch) return;
    const add = await this.#admissible(asking(state, room, own.seat), view);
    const adding = new Set(add.map(({ seat }) => seat));
    const remove = leaving(view, room, own.seat, adding);
    if (add.length + remove.length === 0) {
      this.#due = null;
      return;
    }
    const what = JSON.stringify([add.map(({ keyPackage }) => keyPackage), remove]);
    if (this.#due?.what !== what) this.#due = { what, since: performance.now() };
    const before = turn(state, view, own, new Set([...adding, ...remove]), admitting(room, adding));
    const wait = before * TURN_MS - (performance.now() - this.#due.since);
    if (wait > 0) this.#later(wait, () => this.#queue(() => this.#look()));
    else await this.#commit(add, remove);
  }

  /** Who may be added without asking a person: by certificate, by the invitation's secret, or as somebody known already at that device. */
  async #admissible(all: readonly Asking[], view: GroupView): Promise<Asking[]> {
    this.#host.known.add(view.members);
    const add: Asking[] = [];
    const doubtful: Identity[] = [];
    for (const one of all) {
      if (this.#bad.has(one.keyPackage)) continue;
      const identity = await this.#judge(one);
      if (identity && (identity.standing !== "unverified" || (await this.#isApproved(identity)))) add.push(one);
      else if (identity) doubtful.push(identity);
    }
    if (JSON.stringify(doubtful) !== JSON.stringify(this.doubtful.value)) this.doubtful.set(doubtful);
    return add;
  }

  async #isApproved(identity: Identity): Promise<boolean> {
    if ((this.#expected.get(identity.seat) ?? 0) > performance.now()) {
      this.#expected.delete(identity.seat);
      this.#host.known.add([identity]);
    }
    return this.#host.known.has(identity);
  }

  async #judge(one: Asking): Promise<Identity | null> {
    const known = this.#judged.get(one.keyPackage);
    if (known) return known;
    try {
      let identity = await this.#crypto.judge(one.keyPackage);
      if (identity.standing === "unverified") {
        // Perhaps the invitation is newer than what this device knows of the vault.
        await this.#host.renew();
        identity = await this.#crypto.judge(one.keyPackage);
      }
      if (identity.seat === one.seat) {
        this.#judged.set(one.keyPackage, identity);
        return identity;
      }
      this.#refuse(one, "wrong_seat");
    } catch (error) {
      if (!(error instanceof CryptoRefused) || error.code === "failed") throw error;
      this.#refuse(one, error.credential ?? error.code);
    }
    return null;
  }

  async #commit(add: readonly Asking[], remove: string[]): Promise<void> {
    let output;
    try {
      output = await this.#crypto.commit({ add, remove });
    } catch (error) {
      if (!(error instanceof CryptoRefused) || error.code === "failed" || add.length === 0) throw error;
      // One bad key package must not keep the others out.
      if (add.length > 1)
        for (const one of add) await this.#commit([one], remove.includes(one.seat) ? [one.seat] : []);
      else if (add[0]) this.#refuse(add[0], error.credential ?? error.code);
      return;
    }
    let epoch: number;
    try {
      ({ epoch } = await this.#connection.request("mls.commit", output));
    } catch (error) {
      await this.#crypto.commitLost();
      if (error instanceof ProtocolError && error.code === "epoch_taken") return;
      throw error;
    }
    const view = await this.#crypto.commitWon();
    await this.#installed(view.group, epoch);
  }

  #refuse({ seat, keyPackage }: Asking, reason: string): void {
    this.#bad.add(keyPackage);
    this.report("refused", seat, reason);
  }

  async #committed({ group, epoch, commit }: Deliveries["mls.committed"]): Promise<void> {
    const view = this.#crypto.group.value;
    // One's own commit, or one that the welcome already contains.
    if (view?.group !== group || view.epoch !== epoch) return;
    try {
      const next = await this.#crypto.receiveCommit(commit);
      if (next) await this.#installed(group, next.epoch);
      else this.#asked = false;
    } catch (error) {
      if (!(error instanceof CryptoRefused) || error.code === "failed") throw error;
      await this.#refused(error, "refused_commit");
    }
    await this.#look();
  }

  async #welcomed({ welcome }: Deliveries["mls.welcome"]): Promise<void> {
    // Nobody was asked: an old one again, or one for a leaf that has been given up.
    if (!this.#asked) return;
    try {
      const view = await this.#crypto.receiveWelcome(welcome);
      this.#asked = false;
      await this.#installed(view.group, view.epoch);
    } catch (error) {
      if (!(error instanceof CryptoRefused) || error.code === "failed") throw error;
      // It may be for a key package that another one has replaced since.
      await this.#refused(error, "refused_group");
    }
    await this.#look();
  }

  /** Better nothing than a call with strangers. */
  async #refused({ code, credential }: CryptoRefused, halt: string): Promise<void> {
    if (!HOSTILE.has(code)) return this.#beginAnew(code);
    this.report("refused", undefined, credential ?? code);
    this.halt(halt);
  }

  async #told({ group, message }: Deliveries["mls.forwarded"]): Promise<void> {
    if (this.#crypto.group.value?.group !== group) return;
    try {
      this.#host.heard(await this.#crypto.receive(message));
    } catch (error) {
      // Of an epoch before this leaf came, or forged: nobody hears it.
      if (!(error instanceof CryptoRefused) || error.code === "failed") throw error;
    }
  }

  /** This device opens frames of the epoch from now on, and says so; it sends with it a moment later. */
  async #installed(group: string, epoch: number): Promise<void> {
    this.#due = null;
    this.#behindSince = null;
    this.#unheard.forget();
    this.#later(SWITCH_MS, () => this.#queue(() => this.#switch(group, epoch)));
    await this.#connection.request("mls.ack", { group, epoch });
  }

  async #ready({ group, epoch }: Deliveries["mls.epoch_ready"]): Promise<void> {
    await this.#switch(group, epoch);
  }

  async #switch(group: string, epoch: number): Promise<void> {
    const view = this.#crypto.group.value;
    const key = `${group} ${epoch}`;
    if (view?.group !== group || view.epoch !== epoch || this.#switched === key) return;
    await this.#crypto.switchSending(epoch);
    if (this.#ended) return;
    this.#switched = key;
    this.stage.set({ name: "in" });
  }
}
