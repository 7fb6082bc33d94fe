// The comparison of a spoken code between this device and one other, over the group's messages: whose turn it is, and what came of it.

import {
  choose,
  choosingHears,
  CodeError,
  readStep,
  showingHears,
  startChoosing,
  startShowing,
  type Choosing,
  type Code,
  type CodeOutcome,
  type CodeStep,
  type CodeSubject,
  type Showing,
} from "./e2ee/code";
import type { Member, ReceivedMessage } from "./e2ee/crypto";
import type { Encryption } from "./encryption";
import { Store } from "./store";

/** What the person sees. `with` is the other one. */
export type Talk =
  | { readonly part: "show"; readonly with: Member; readonly code: Code | null }
  | { readonly part: "choose"; readonly with: Member; readonly choices: readonly Code[] | null }
  | { readonly part: "ended"; readonly with: Member; readonly outcome: CodeOutcome; readonly showing: boolean };

interface Envelope {
  readonly t: "code";
  readonly to: string;
  readonly step: CodeStep;
}

/** An epoch may end between two messages; then the round begins again. */
const ATTEMPTS = 3;

export class CodeTalk {
  readonly state = new Store<Talk | null>(null);
  readonly #encryption: Encryption;
  readonly #stop: () => void;
  #showing: { state: Showing; other: Member } | null = null;
  #choosing: { state: Choosing; other: Member } | null = null;
  /** Commitments answered in this call, by device. */
  readonly #answered = new Map<string, number>();
  #tail: Promise<void> = Promise.resolve();

  constructor(encryption: Encryption) {
    this.#encryption = encryption;
    this.#stop = encryption.message.subscribe((message) => message && this.#queue(() => this.#hear(message)));
  }

  stop(): void {
    this.#stop();
  }

  /** This device shows a code, which the other person then picks. */
  begin(other: Member): void {
    this.#queue(() => this.#show(other));
  }

  /** null: none of the three. */
  pick(choice: Code | null): void {
    this.#queue(() => this.#pick(choice));
  }

  /** The dialog is closed; what has been decided stays decided. */
  dismiss(): void {
    this.state.set(null);
    this.#showing = null;
    this.#choosing = null;
  }

  #queue(work: () => Promise<void>): void {
    this.#tail = this.#tail.then(work).catch((error: unknown) => {
      console.warn("Spoken code:", error);
      // Somebody in between has changed a number after seeing the other one.
      if (error instanceof CodeError && error.code === "wrong_reveal") this.#fail();
    });
  }

  async #show(member: Member): Promise<void> {
    // They may have come back with a fresh leaf since.
    const other = this.#encryption.memberOf(member.seat) ?? member;
    const round = (await this.#encryption.mismatches()) + 1;
    this.#choosing = null;
    this.state.set({ part: "show", with: other, code: null });
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const subject = this.#subject(other, true, this.#encryption.view.value);
      if (!subject) break;
      const { state, send } = await startShowing(subject, round);
      this.#showing = { state, other };
      const sent = await this.#say(other, send);
      if (sent?.authenticator === subject.authenticator) return;
    }
    this.state.set(null);
  }

  async #hear({ from, payload, epoch, authenticator }: ReceivedMessage): Promise<void> {
    const envelope = readEnvelope(payload);
    const view = this.#encryption.view.value;
    const own = view?.members.find((member) => member.leaf === view.own);
    if (!envelope || !own || envelope.to !== own.seat) return;
    const { step } = envelope;
    if (step.step === "commit") return this.#answer(from, step, { epoch, authenticator });
    if (this.#showing?.other.leaf === from.leaf && step.step !== "reveal") {
      const { state, send } = await showingHears(this.#showing.state, step);
      this.#showing = { state, other: from };
      if (send) await this.#say(from, send);
      if (state.phase === "showing") this.state.set({ part: "show", with: from, code: state.code });
      if (state.phase === "ended") await this.#ended(from, state.outcome, true);
    } else if (this.#choosing?.other.leaf === from.leaf && step.step === "reveal") {
      const state = await choosingHears(this.#choosing.state, step);
      this.#choosing = { state, other: from };
      if (state.phase === "choosing") this.state.set({ part: "choose", with: from, choices: state.choices });
    }
  }

  async #answer(from: Member, step: CodeStep, at: { epoch: number; authenticator: string }): Promise<void> {
    // Only a host's certified device asks for a comparison; nobody else may occupy this screen.
    if (!from.mayCommit) return;
    const subject = this.#subject(from, false, at);
    if (!subject) return;
    const before = this.#answered.get(from.device) ?? 0;
    const { state, send } = await startChoosing(subject, step, before);
    this.#answered.set(from.device, before + 1);
    this.#showing = null;
    this.#choosing = { state, other: from };
    this.state.set({ part: "choose", with: from, choices: null });
    await this.#say(from, send);
  }

  async #pick(choice: Code | null): Promise<void> {
    if (!this.#choosing) return;
    const { other } = this.#choosing;
    const { state, send } = choose(this.#choosing.state, choice);
    this.#choosing = { state, other };
    await this.#say(other, send);
    if (state.phase === "ended") await this.#ended(other, state.outcome, false);
  }

  async #ended(other: Member, outcome: CodeOutcome, showing: boolean): Promise<void> {
    if (outcome === "verified") {
      this.state.set({ part: "ended", with: other, outcome, showing });
      this.#answered.delete(other.device);
      await this.#encryption.verify(other);
      return;
    }
    const stopped = await this.#encryption.mismatched(other, outcome === "stopped");
    this.state.set({ part: "ended", with: other, outcome: stopped ? "stopped" : "mismatch", showing });
  }

  #fail(): void {
    const other = this.#showing?.other ?? this.#choosing?.other;
    if (other) {
      this.state.set({ part: "ended", with: other, outcome: "stopped", showing: this.#showing !== null });
      void this.#encryption.mismatched(other, true);
    } else this.#encryption.halt("mismatch");
  }

  async #say(to: Member, step: CodeStep): Promise<{ epoch: number; authenticator: string } | null> {
    const envelope: Envelope = { t: "code", to: to.seat, step };
    return (await this.#encryption.stay.value?.group.say(JSON.stringify(envelope))) ?? null;
  }

  #subject(
    other: Member,
    showing: boolean,
    at: { readonly epoch: number; readonly authenticator: string } | null,
  ): CodeSubject | null {
    const view = this.#encryption.view.value;
    const own = view?.members.find((member) => member.leaf === view.own);
    if (!view || !own || !at) return null;
    const [mine, theirs] = [own, other].map(({ seat, device }) => ({ seat, device })) as [
      CodeSubject["showing"],
      CodeSubject["showing"],
    ];
    const ends = showing ? { showing: mine, choosing: theirs } : { showing: theirs, choosing: mine };
    return { group: view.group, epoch: at.epoch, authenticator: at.authenticator, ...ends };
  }
}

function readEnvelope(payload: string): Envelope | null {
  try {
    const { t, to, step } = JSON.parse(payload) as Partial<Envelope>;
    if (t !== "code" || typeof to !== "string" || !step) return null;
    return { t, to, step: readStep(JSON.stringify(step)) };
  } catch {
    return null;
  }
}
