/** The spoken code on the screen: one person shows and says it, the other picks it among three, with digits and pictures. */
import type { CodeTalk, Talk } from "../code-talk";
import type { Code } from "../e2ee/code";
import { fill, h, type Child } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { announce } from "../ui/live";

/** By digit. Drawn here, because not every device has the same pictures in its fonts. */
const PICTURES: readonly IconName[] = ["sun", "tree", "fish", "house", "cup", "moon", "heart", "star", "key", "boat"];

export class CodeDialog {
  readonly #talk: CodeTalk;
  readonly #stop: () => void;
  readonly #body = h("div", { class: "code" });
  readonly #title = h("h2", { id: "code-title", class: "dialog__title", tabindex: -1 });
  readonly #dialog: HTMLDialogElement = h(
    "dialog",
    { class: "dialog code-dialog", "aria-labelledby": "code-title" },
    this.#title,
    this.#body,
  );

  constructor(talk: CodeTalk) {
    this.#talk = talk;
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
    switch (state.part) {
      case "show":
        return {
          title: t("Say this code to {name}", { name }),
          body: state.code
            ? [
                h("p", null, t("Say it, sign it, or hold this screen up. Never write it in the chat.")),
                drawn(state.code),
                row(cancel),
              ]
            : [h("p", { role: "status" }, t("One moment, the devices are agreeing on a code.")), row(cancel)],
        };
      case "choose":
        return {
          title: t("Which code does {name} say?", { name }),
          body: state.choices
            ? [
                h("p", null, t("Listen, or look at the other screen, and press the same code here.")),
                h("div", { class: "code__choices" }, ...state.choices.map((choice) => this.#choice(choice))),
                row(button(t("None of these"), () => this.#talk.pick(null)), cancel),
              ]
            : [h("p", { role: "status" }, t("One moment, the devices are agreeing on a code.")), row(cancel)],
        };
      case "ended":
        return { title: endTitle(state, name), body: [h("p", null, endWords(state)), this.#after(state, done)] };
    }
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

function endWords({ outcome, showing }: Talk & { part: "ended" }): string {
  switch (outcome) {
    case "verified":
      return t("The two devices know each other from now on, also in later conversations.");
    case "mismatch":
      return showing
        ? t("Sound and picture are paused. Perhaps it was misheard: compare one fresh code.")
        : t("Sound and picture are paused. Perhaps it was misheard: please wait for a fresh code.");
    case "stopped":
      return t("The codes did not match. Somebody else may be listening. Please phone each other.");
  }
}

const row = (...children: Child[]): HTMLElement => h("div", { class: "dialog__buttons" }, ...children);

const button = (words: string, onclick: () => void, look = ""): HTMLElement =>
  h("button", { type: "button", class: `button ${look}`, onclick }, words);
