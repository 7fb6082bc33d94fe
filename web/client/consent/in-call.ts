/** Consent inside the call: one tap stops, one tap agrees again, and a plain question when somebody wants to join. */
import type { Connection } from "../connection";
import type { Devices } from "../devices";
import { lastChoices } from "../lobby/choices";
import { phoneLink } from "../lobby/frame";
import { reopen } from "../lobby/lobby";
import type { MediaSession } from "../session";
import { ProtocolError, type Person, type SeatReply, type Snapshot } from "../types";
import { fill, h, type Child } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { announce } from "../ui/live";
import { roleName } from "../ui/roles";
import type { ConsentDesk } from "./desk";
import { inDialogs, Unanswered } from "./dialog-pages";
import { noticeBody } from "./notice";
import { answerTo, askPages, otherWayWords } from "./pages";
import type { ConsentItem, Given, SeatConsents } from "./types";
import { tookBack, tookBackWords } from "./words";

export interface ConsentParts {
  seat: SeatReply;
  desk: ConsentDesk;
  connection: Connection;
  devices: Devices;
  session: MediaSession;
}

const AGAIN_MS = 2_000;

export class ConsentInCall {
  readonly element = h("section", { class: "agreement", "aria-label": t("What you agree to") });
  readonly #parts: ConsentParts;
  readonly #onTrouble: (words: string) => void;
  readonly #life = new AbortController();
  #snapshot: Snapshot | null = null;
  #shown = "";
  #busy = false;
  /** About whom the server was asked what is to be asked. */
  #lookedFor = "";

  constructor(parts: ConsentParts, onTrouble: (words: string) => void) {
    this.#parts = parts;
    this.#onTrouble = onTrouble;
    this.#life.signal.addEventListener(
      "abort",
      parts.desk.state.subscribe(() => this.#snapshot && this.update(this.#snapshot)),
    );
  }

  stop(): void {
    this.#life.abort();
  }

  /** Whether this person has taken it back: then no device is switched on either. */
  get stopped(): boolean {
    return this.#parts.session.halted.value || this.#snapshot?.you.consent === "ask";
  }

  update(snapshot: Snapshot): void {
    const before = this.#snapshot?.you.consent;
    const earlier = this.#snapshot?.people ?? [];
    this.#snapshot = snapshot;
    for (const person of snapshot.people) {
      const was = earlier.find((one) => one.seat === person.seat);
      if (person.seat !== snapshot.you.seat && tookBack(person, was)) this.#onTrouble(tookBackWords(person));
    }
    const { consent } = snapshot.you;
    const { desk, session, devices } = this.#parts;
    if (consent === "ask" && before !== undefined && before !== "ask") {
      // It may have been taken back elsewhere: here everything stops as well.
      devices.closeAll();
      if (!session.halted.value) announce(stoppedWords(), "assertive");
      void this.#look(snapshot);
    }
    if (snapshot.you.asked.join() !== this.#lookedFor) {
      this.#lookedFor = snapshot.you.asked.join();
      if (this.#lookedFor !== "") void this.#look(snapshot);
    }
    const key = JSON.stringify([
      consent,
      snapshot.you.asked,
      snapshot.people.map(({ seat, name, phase }) => [seat, name, phase]),
      desk.state.value,
      session.halted.value,
      this.#busy,
    ]);
    if (key === this.#shown) return;
    this.#shown = key;
    const focused = this.element.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset["key"]
      : undefined;
    fill(this.element, ...this.#view(snapshot));
    this.element.hidden = !this.element.hasChildNodes();
    if (focused !== undefined) this.element.querySelector<HTMLElement>(`[data-key="${focused}"]`)?.focus();
  }

  #view(snapshot: Snapshot): Child[] {
    const { desk, seat } = this.#parts;
    const consents = desk.state.value;
    if (consents === null) return [];
    if (this.stopped) return [this.#stopped(seat.appointment.help_phone)];
    const questions = this.#items()
      .filter((item) => item.about !== null && snapshot.you.asked.includes(item.about.seat))
      .map((item) => this.#question(item));
    // What stops it stands first and stays where it is: no question may slide a "yes" under a finger that means stop.
    return [this.#strip(snapshot.people), snapshot.you.consent === "explain" && this.#explaining(), ...questions];
  }

  /** As many taps as it took to agree: one. */
  #strip(people: readonly Person[]): HTMLElement {
    const given = this.#parts.desk.state.value?.given ?? [];
    const here = (one: Given): boolean =>
      one.about === null || people.some((person) => person.seat === one.about?.seat && person.phase === "in");
    const stops = given
      .filter(here)
      .map((one) =>
        this.#button(
          `stop-${one.purpose}-${one.about?.seat ?? ""}`,
          one.about === null ? t("Stop agreeing") : t("Stop agreeing: {name}", { name: one.about.name }),
          "hand",
          () => this.#withdraw(one),
        ),
      );
    return h("div", { class: "agreement__strip" }, ...stops);
  }

  #stopped(phone: string): HTMLElement {
    const way = this.#parts.desk.state.value?.other_way ?? null;
    const { time_zone: zone } = this.#parts.seat.appointment;
    return h(
      "div",
      { class: "agreement__card" },
      h("h2", { class: "agreement__title" }, t("You have stopped the conversation")),
      h("p", null, t("Nobody sees or hears you. You need not say why, and help goes on.")),
      way !== null && h("p", null, otherWayWords(way, zone)),
      h(
        "div",
        { class: "agreement__buttons" },
        this.#button("again", t("I agree again"), "check", () => this.#again(), "button--main"),
        this.#button("leave", t("Leave the conversation"), "leave", () => this.#parts.connection.leave()),
      ),
      phone !== "" && phoneLink(phone),
    );
  }

  #explaining(): HTMLElement {
    return h(
      "div",
      { class: "agreement__card" },
      h("h2", { class: "agreement__title" }, t("We explain it to you first")),
      h("p", null, t("Only your case manager and an interpreter see and hear you now. Ask what you like.")),
      h(
        "div",
        { class: "agreement__buttons" },
        this.#button("answer", t("Read and answer now"), "check", () => this.#answer(), "button--main"),
      ),
    );
  }

  #question(item: ConsentItem): HTMLElement {
    const { name, role } = item.about ?? { name: "", role: "helper" as const };
    const answer = (decision: "given" | "refused") => (): Promise<void> =>
      this.#attempt(() => this.#parts.desk.answer([answerTo(item, decision)], true));
    return h(
      "div",
      { class: "agreement__card", "data-question": item.about?.seat },
      h("h2", { class: "agreement__title" }, t("{name} would like to join", { name })),
      h("p", null, t("{role}. Is that all right for you?", { role: roleName(role) })),
      h(
        "div",
        { class: "agreement__buttons" },
        this.#button(`yes-${item.about?.seat}`, t("Yes, I agree"), "check", answer("given"), "button--main"),
        this.#button(`no-${item.about?.seat}`, t("No, I do not agree"), "cross", answer("refused"), "button--main"),
      ),
      h(
        "details",
        { class: "consent__rest" },
        h("summary", null, t("What does that mean?")),
        h("p", { lang: item.notice.language }, h("strong", null, item.notice.title)),
        ...noticeBody(item.notice, null, this.#life.signal),
      ),
    );
  }

  #button(key: string, words: string, picture: IconName, press: () => Promise<unknown>, tone = ""): HTMLElement {
    return h(
      "button",
      { type: "button", class: `button ${tone}`, "data-key": key, onclick: () => void press() },
      icon(picture),
      h("span", null, words),
    );
  }

  /** Here at once, then at the server, however long it takes to reach it. */
  async #withdraw(given: Given): Promise<void> {
    const { desk, session, devices } = this.#parts;
    const whole = given.about === null;
    if (whole) {
      session.halted.set(true);
      devices.closeAll();
      announce(stoppedWords(), "assertive");
    }
    if (this.#snapshot) this.update(this.#snapshot);
    while (!this.#life.signal.aborted) {
      try {
        return await desk.withdraw(given);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        if (!PASSING.has(error.code)) {
          // What is on the screen is brought up to date; whoever is not taken at their word has to know it.
          const now = await desk.refresh().catch(() => desk.state.value);
          if (now === null || stillStands(now, given)) this.#onTrouble(notWrittenWords());
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  async #again(): Promise<void> {
    await this.#attempt(async () => {
      const { desk, session, devices } = this.#parts;
      const known = this.#items().find((one) => one.about === null) ?? null;
      const item = known ?? (await this.#fresh());
      if (item !== null) await desk.answer([answerTo(item, "given")], true);
      session.halted.set(false);
      await reopen(devices, lastChoices());
    });
  }

  async #fresh(): Promise<ConsentItem | null> {
    await this.#parts.desk.refresh();
    return this.#items().find((one) => one.about === null) ?? null;
  }

  async #answer(): Promise<void> {
    await this.#attempt(async () => {
      const { desk } = this.#parts;
      const consents = await desk.refresh();
      if (consents === null) return;
      const asking = { asked: desk.asked, explain: false, hands: null };
      const walked = await askPages(inDialogs(this.#life.signal), consents.pages, asking);
      const itself = this.#items().find((one) => one.about === null);
      if (walked === "no" && itself) await desk.answer([answerTo(itself, "refused")], true);
      else if (typeof walked !== "string") await desk.answer(walked, true);
    });
  }

  async #look(snapshot: Snapshot): Promise<void> {
    try {
      await this.#parts.desk.refresh();
      for (const seat of snapshot.you.asked) {
        const name = this.#items().find((item) => item.about?.seat === seat)?.about?.name;
        if (name !== undefined) announce(t("{name} would like to join", { name }), "assertive");
      }
    } catch {
      this.#lookedFor = "";
      setTimeout(() => this.#snapshot && !this.#life.signal.aborted && this.update(this.#snapshot), AGAIN_MS);
    }
  }

  async #attempt(step: () => Promise<unknown>): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await step();
    } catch (error) {
      if (error instanceof Unanswered) return;
      if (!(error instanceof ProtocolError)) throw error;
      await this.#parts.desk.refresh().catch(() => undefined);
      this.#onTrouble(error.message === "" ? t("The connection is weak. Try once more.") : error.message);
    } finally {
      this.#busy = false;
      if (this.#snapshot) this.update(this.#snapshot);
    }
  }

  #items(): ConsentItem[] {
    return this.#parts.desk.state.value?.pages.flatMap((page) => page.items) ?? [];
  }
}

const stoppedWords = (): string => t("The conversation is stopped for you. Nobody sees or hears you.");

const notWrittenWords = (): string =>
  t("We could not write down that you stopped. Please leave the conversation and phone us.");

/** Whether the server still takes this for agreed. */
const stillStands = ({ given }: SeatConsents, { purpose, about }: Given): boolean =>
  given.some((one) => one.purpose === purpose && one.about?.seat === about?.seat);

const PASSING: ReadonlySet<string> = new Set(["offline", "busy", "too_many_requests", "internal"]);
