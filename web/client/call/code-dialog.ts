/** The spoken code on the screen: one person shows and says it, the other picks it among three, with digits and pictures. */
import type { CodeTalk, Talk } from "../code-talk";
import type { Code } from "../e2ee/code";
import { fill, h, type Child } from "../ui/dom";
import { exitRow } from "../ui/exit";
import { t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { announce } from "../ui/live";
import { phoneLink } from "../lobby/frame";
import { chooseWords, endWords, showWords } from "./code-words";

/** By digit. Drawn here, because not every device has the same pictures in its fonts. */
const PICTURES: readonly IconName[] = ["sun", "tree", "fish", "house", "cup", "moon", "heart", "star", "key", "boat"];

export class CodeDialog {
  readonly #talk: CodeTalk;
  readonly #isPaused: () => boolean;
  readonly #phone: string;
  readonly #stop: () => void;
  readonly #body = h("div", { class: "code" });
  readonly #title = h("h2", { id: "code-title", class: "dialog__title", tabindex: -1 });
  readonly #dialog: HTMLDialogElement = h(
    "dialog",
    { class: "dialog code-dialog", "aria-labelledby": "code-title" },
  );

  /** `isPaused`: an earlier code did not match, so that nobody hears or sees the other here. `phone` may be empty. */
  constructor(talk: CodeTalk, isPaused: () => boolean, phone: string) {
    this.#talk = talk;
    this.#isPaused = isPaused;
    this.#phone = phone;
    this.#stop = talk.state.subscribe((state) => this.#draw(state));
    this.#dialog.addEventListener("close", () => {
      this.#dialog.remove();
      if (talk.state.value !== null) talk.dismiss();
    });
  }

  stop(): void {
    this.#stop();
    this.#dialog.remove();
  }

  #draw(state: Talk | null): void {
    if (state === null) {
      if (this.#dialog.open) this.#dialog.close();
      return;
    }
    const { title, body } = this.#view(state);
    this.#title.textContent = title;
    fill(this.#body, ...body);
    if (!this.#dialog.open) {
      fill(this.#dialog, this.#title, this.#body, exitRow());
      document.body.append(this.#dialog);
      this.#dialog.showModal();
    }
    this.#title.focus();
    announce(title);
  }

  #view(state: Talk): { title: string; body: Child[] } {
    const { name } = state.with;
    const cancel = button(t("Not now"), () => this.#talk.dismiss(), "button--quiet");
    const done = button(t("Close"), () => this.#talk.dismiss(), "button--main");
    const paused = this.#isPaused();
    switch (state.part) {
      case "show":
        return {
          title: t("Say this code to {name}", { name }),
          body: state.code
            ? [
                ...showWords(paused).map((words) => h("p", null, words)),
                drawn(state.code),
                paused && this.#help(),
                row(cancel),
              ]
            : [h("p", { role: "status" }, t("One moment, the devices are agreeing on a code.")), row(cancel)],
        };
      case "choose":
        return {
          title: t("Which code does {name} say?", { name }),
          body: state.choices
            ? [
                ...chooseWords(paused).map((words) => h("p", null, words)),
                paused && this.#help(),
                h("div", { class: "code__choices" }, ...state.choices.map((choice) => this.#choice(choice))),
                row(button(t("None of these"), () => this.#talk.pick(null)), cancel),
              ]
            : [h("p", { role: "status" }, t("One moment, the devices are agreeing on a code.")), row(cancel)],
        };
      case "ended":
        return {
          title: endTitle(state, name),
          body: [
            ...endWords(state).map((words) => h("p", null, words)),
            state.outcome !== "verified" && this.#help(),
            this.#after(state, done),
          ],
        };
    }
  }

  #help(): Child {
    return this.#phone !== "" && h("p", null, phoneLink(this.#phone));
  }

  #choice(choice: Code): HTMLElement {
    return h(
      "button",
      { type: "button", class: "button code__choice", "data-code": choice.join(""), onclick: () => this.#talk.pick(choice) },
      drawn(choice),
    );
  }

  #after(state: Talk & { part: "ended" }, done: HTMLElement): HTMLElement {
    const again = button(t("Compare a fresh code"), () => this.#talk.begin(state.with), "button--main");
    return state.outcome === "mismatch" && state.showing ? row(again) : row(done);
  }
}

/** Digits for the ear, pictures for whoever does not read them. */
function drawn(code: Code): HTMLElement {
  return h(
    "span",
    { class: "code__digits" },
    ...code.map((digit) =>
      h(
        "span",
        { class: "code__digit" },
        h("span", null, String(digit)),
        icon(PICTURES[digit] ?? "sun"),
      ),
    ),
  );
}

function endTitle({ outcome }: Talk & { part: "ended" }, name: string): string {
  switch (outcome) {
    case "verified":
      return t("The code matches: this is {name}", { name });
    case "mismatch":
      return t("The code does not match");
    case "stopped":
      return t("The conversation is stopped");
  }
}

const row = (...children: Child[]): HTMLElement => h("div", { class: "dialog__buttons" }, ...children);

const button = (words: string, onclick: () => void, look = ""): HTMLElement =>
  h("button", { type: "button", class: `button ${look}`, onclick }, words);
