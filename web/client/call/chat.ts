/** Written words for those who are here: messages of the group that no server can read and nobody keeps. */
import type { ReceivedMessage } from "../e2ee/crypto";
import type { Encryption } from "../encryption";
import { Store } from "../store";
import { h } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon } from "../ui/icons";
import { clock } from "../ui/times";

const LONGEST = 2_000;

export class Chat {
  readonly element: HTMLElement;
  /** Lines that came while the panel was closed. */
  readonly unread = new Store(0);
  readonly #encryption: Encryption;
  readonly #zone: string;
  readonly #own: string;
  readonly #stop: () => void;
  readonly #log = h("div", { class: "chat__log", role: "log", "aria-live": "polite", tabindex: 0 });
  readonly #field = h("textarea", { class: "chat__field", id: "chat-field", rows: 2, maxlength: LONGEST });
  readonly #said = h("p", { class: "chat__said", role: "status" });
  readonly #empty = h("p", { class: "chat__empty" }, t("Only those who are here can read this. Nothing is kept."));

  constructor(encryption: Encryption, ownName: string, zone: string, onClose: () => void) {
    this.#encryption = encryption;
    this.#own = ownName;
    this.#zone = zone;
    this.#stop = encryption.message.subscribe((message) => message && this.#hear(message));
    this.#log.setAttribute("aria-label", t("Messages"));
    const close = h("button", { type: "button", class: "button button--quiet", onclick: onClose }, icon("cross"), t("Close"));
    const form = h(
      "form",
      { class: "chat__form", onsubmit: (event: SubmitEvent) => void this.#submit(event) },
      h("label", { for: "chat-field", class: "chat__label" }, t("Write a message")),
      this.#field,
      h("button", { type: "submit", class: "button button--main" }, t("Send")),
      this.#said,
    );
    this.#field.addEventListener("keydown", (event) => {
      // Enter sends, Shift and Enter begin a new line; an unfinished character of an input method is left alone.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    this.element = h(
      "aside",
      { class: "panel chat", hidden: true, "aria-label": t("Chat") },
      h("div", { class: "panel__head" }, h("h2", { class: "panel__title" }, t("Chat")), close),
      h("div", { class: "chat__body" }, this.#log, form),
    );
    this.#log.append(this.#empty);
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  open(): void {
    this.element.hidden = false;
    this.unread.set(0);
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#field.focus();
  }

  close(): void {
    this.element.hidden = true;
  }

  stop(): void {
    this.#stop();
  }

  async #submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const text = this.#field.value.trim();
    if (text === "") return;
    const group = this.#encryption.stay.value?.group;
    try {
      if (!group || !this.#encryption.flows) throw new Error("no keys");
      await group.say(JSON.stringify({ t: "chat", text }));
    } catch {
      this.#said.textContent = this.#encryption.paused.value
        ? t("The message was not sent: messages wait, too, until a spoken code matches.")
        : t("The message was not sent. Please try again in a moment.");
      return;
    }
    this.#said.textContent = "";
    this.#field.value = "";
    this.#add(t("{name} (you)", { name: this.#own }), text);
  }

  #hear({ from, payload }: ReceivedMessage): void {
    const text = readChat(payload);
    if (text === null) return;
    this.#add(from.name, text);
    if (!this.isOpen) this.unread.set(this.unread.value + 1);
  }

  #add(name: string, text: string): void {
    this.#empty.remove();
    const line = h(
      "p",
      { class: "chat__line" },
      h("strong", { class: "chat__name" }, name),
      " ",
      h("time", { class: "chat__time" }, clock(new Date(), this.#zone)),
      h("span", { class: "chat__text" }, text),
    );
    this.#log.append(line);
    this.#log.scrollTop = this.#log.scrollHeight;
  }
}

/** null for anything that is no line of the chat. Exported for its test. */
export function readChat(payload: string): string | null {
  try {
    const { t: type, text } = JSON.parse(payload) as { t?: unknown; text?: unknown };
    return type === "chat" && typeof text === "string" && text !== "" ? text.slice(0, LONGEST) : null;
  } catch {
    return null;
  }
}
